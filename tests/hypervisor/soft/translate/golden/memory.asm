; One check per access. Flags that are live across one are saved, dead ones are not.
bits 64
org 0x8000

  mov rax, [rbx + 8]
  add [rbx + rcx * 8], rax
  mov byte [rdi], 5
  cmp rax, 3
  mov rdx, [rsi]
  jz $ + 64
  lock xadd [rdi], rcx
  movzx eax, word [rbx + 2]
  mov fs:[16], rax
  jmp $
