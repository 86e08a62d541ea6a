; The upper halves survive while XCR0 has not enabled them
;! mode: ring0
;! host: no
;! in:
;! out: rax=0x7 rcx=0x0 rdx=0x0 flags=pf|zf xmm1=0x86860000000000037878000000000003
;!      ymm3=0xe5e50000000000015e5e00000000000186860000000000037878000000000003
mov eax, 3
xor edx, edx
xor ecx, ecx
xsetbv
paddb xmm1, xmm2
mov eax, 7
xsetbv
vmovdqa ymm3, ymm1
