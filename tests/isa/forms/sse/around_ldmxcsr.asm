; LDMXCSR within a block: rounding changes, and an exception that becomes unmasked is raised
;! mode: 64
;! in: rbx=0x20000100 rcx=0x20000110 [data+100]=805f0000 [data+110]=801f0000 xmm1=0x3ff8000000000000 xmm2=0
;! out: rdx=0x2 rsi=0x2 xmm1=0x00000000000000007ff0000000000000 mxcsr=0x1fa4
;!      [data+104]=a05f0000a41f0000
;! in: rbx=0x20000100 rcx=0x20000110 [data+100]=805f0000 [data+110]=801d0000 xmm1=0x3ff8000000000000 xmm2=0
;! out: fault=#XM rip=0x12 rdx=0x2 rsi=0x2 mxcsr=0x1da4 [data+104]=a05f0000
;! in: rbx=0x20000100 rcx=0x20000110 [data+100]=805f0000 [data+110]=801f0100 xmm1=0x3ff8000000000000
;! out: fault=#GP(0) rip=0xb rdx=0x2 mxcsr=0x5fa0 [data+104]=a05f0000
;! in: rbx=0x20000100 rcx=0x1ffffff8 [data+100]=805f0000 xmm1=0x3ff8000000000000
;! out: fault=#PF(4)@0x1ffffff8 rip=0xb rdx=0x2 mxcsr=0x5fa0 [data+104]=a05f0000
ldmxcsr [rbx]
cvtsd2si edx, xmm1
stmxcsr [rbx+4]
ldmxcsr [rcx]
cvtsd2si esi, xmm1
divsd xmm1, xmm2
stmxcsr [rbx+8]
