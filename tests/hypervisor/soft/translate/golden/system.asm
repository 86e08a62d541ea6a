; What operating systems do at each entry and exit.
bits 64
org 0x8000

  cli
  swapgs
  mov cr3, rax
  sti
  sysret
