; VPADDB without CR4.OSXSAVE (SDM vol. 2A, 2.4)
;! mode: ring0
;! host: no
;! undefined: cf
;! in:
;! out: fault=#UD rip=0xa rax=0x10620
mov rax, cr4
btr eax, 18
mov cr4, rax
vpaddb xmm1, xmm2, xmm3
