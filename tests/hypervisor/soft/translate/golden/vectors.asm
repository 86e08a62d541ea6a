; SSE: the guest's registers are loaded once a block; aligned operands are checked.
bits 64
org 0x8000

  movaps xmm0, [rsi]
  addps xmm0, xmm1
  movups [rdi], xmm0
  pshufd xmm2, xmm0, 0x1b
  jmp $
