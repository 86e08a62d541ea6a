; The x87 unit is the host's.
bits 64
org 0x8000

  fld qword [rsi]
  fadd st0, st1
  fstp qword [rdi]
  jmp $
