; VPADDB and VADDPS where XCR0 has not enabled AVX's state: #UD, and SSE goes on
;! mode: ring0
;! host: no
;! in:
;! out: fault=#UD rip=0x10 rax=0x3 rcx=0x0 rdx=0x0 flags=pf|zf
;!      xmm1=0x86860000000000037878000000000003
mov eax, 3
xor edx, edx
xor ecx, ecx
xsetbv
paddb xmm1, xmm2
vaddps ymm1, ymm2, ymm3
