; Within the page: linked to the body; out of it: to the entry that checks. A jump back looks for attention.
bits 64
org 0x8000

again:
  dec rcx
  jz out
  test al, 1
  jnz again
out:
  jmp 0x9000
