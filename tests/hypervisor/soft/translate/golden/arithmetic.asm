; Registers only: copied, flags and all; a guest register that lives in memory is fetched.
bits 64
org 0x8000

  add rax, rbx
  sub r10, rcx
  imul edx, esi, 7
  lea r11, [r10 + rax * 4 + 16]
  shl r15d, cl
  cmovz rax, rdx
  jmp $
