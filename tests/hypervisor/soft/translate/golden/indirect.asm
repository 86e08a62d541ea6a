; Jumps and calls that are looked up.
bits 64
org 0x8000

  call [rax]
  jmp rdx
