; A divisor is checked first, since a fault of the host's would be the engine's.
bits 64
org 0x8000

  div rcx
  idiv dword [rbx]
  hlt
