; Counted mode: a conditional jump forwards, one back, a fault in the middle, an end in another page.
bits 64
org 0x8000
start:
  add rax, rbx
  jc over
  add [rsi], rax
over:
  dec rcx
  jnz start
  cpuid
  jmp 0x9000
