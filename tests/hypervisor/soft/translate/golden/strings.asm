; What the interpreter executes within a block.
bits 64
org 0x8000

  mov ecx, 16
  rep movsb
  bt [rdi], rax
  jmp $
