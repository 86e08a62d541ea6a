; VPADDB with CR0.TS: #NM, though CR0.EM would not matter
;! mode: ring0
;! host: no
;! undefined: cf
;! in:
;! out: fault=#NM rip=0x15 rax=0x8005003f
;!      ymm4=0xcaca00000000000bbcbc00000000000b868600000000000b787800000000000b
mov rax, cr0
bts eax, 2
mov cr0, rax
vpaddb ymm4, ymm5, ymm6
bts eax, 3
mov cr0, rax
vpaddb ymm1, ymm2, ymm3
