# One place for language level, warnings, sanitizers and the linker.
set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS ON) # unsigned __int128 in the soft-float unit
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

find_program(ORRERY_CCACHE ccache)
if(ORRERY_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${ORRERY_CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${ORRERY_CCACHE})
endif()

if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  # libstdc++ 12 offers std::expected only to compilers that report C++20's final concepts; clang 16 has all that it
  # needs but reports an earlier date.
  add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-D__cpp_concepts=202002L> $<$<COMPILE_LANGUAGE:CXX>:-Wno-macro-redefined>)
  add_link_options(-fuse-ld=lld)
else()
  add_link_options(-fuse-ld=mold)
endif()

set(ORRERY_SANITIZE "" CACHE STRING "sanitizers, as for -fsanitize= (address,undefined; thread)")
option(ORRERY_SANITIZE_TRAP "what they find ends the process by a trap, without a report" OFF)
if(ORRERY_SANITIZE)
  add_compile_options(-fsanitize=${ORRERY_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  if(ORRERY_SANITIZE_TRAP) # an illegal instruction instead of a report
    add_compile_options(-fsanitize-trap=all)
  else()
    add_link_options(-fsanitize=${ORRERY_SANITIZE})
  endif()
  add_compile_definitions(ORRERY_SANITIZED=1)
endif()

# Warnings are errors in our code only; libraries come in as SYSTEM includes.
add_library(orrery_warnings INTERFACE)
target_compile_options(orrery_warnings INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wshadow -Wnon-virtual-dtor -Wold-style-cast -Wcast-align
  -Woverloaded-virtual -Wnull-dereference -Wimplicit-fallthrough -Werror>)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # gcc 12 reports false null dereferences and restrict overlaps once sanitizers add checks.
  if(ORRERY_SANITIZE)
    target_compile_options(orrery_warnings INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wno-null-dereference
      -Wno-maybe-uninitialized -Wno-restrict>)
  endif()
endif()
