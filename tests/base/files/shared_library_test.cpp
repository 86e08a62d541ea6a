#include "base/files/shared_library.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace orrery {
namespace {

using testing::AllOf;
using testing::HasSubstr;

double (*cosine)(double) = nullptr;

TEST(SharedLibraryTest, CallsAFunctionOfALibrary) {
  const auto library = SharedLibrary::load("libm.so.6", "libc6");
  ASSERT_TRUE(library) << library.error().message();
  const auto bound = library->bind(cosine, "cos");
  ASSERT_TRUE(bound) << bound.error().message();
  EXPECT_EQ(cosine(0), 1);
}

TEST(SharedLibraryTest, ErrorsNameTheLibraryAndItsPackage) {
  const auto library = SharedLibrary::load("libnothing.so.1", "libnothing1");
  ASSERT_FALSE(library);
  EXPECT_THAT(library.error().message(), AllOf(HasSubstr("libnothing.so.1 cannot be loaded"),
                                               HasSubstr("install libnothing1")));
}

TEST(SharedLibraryTest, ErrorsNameTheFunctionThatIsMissing) {
  const auto library = SharedLibrary::load("libm.so.6", "libc6");
  ASSERT_TRUE(library) << library.error().message();
  const auto bound = library->bind(cosine, "no_such_function");
  ASSERT_FALSE(bound);
  EXPECT_THAT(bound.error().message(),
              AllOf(HasSubstr("libm.so.6"), HasSubstr("no_such_function")));
}

}  // namespace
}  // namespace orrery
