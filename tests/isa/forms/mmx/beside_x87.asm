; MMX and x87 instructions in turn over the same registers
;! mode: 64
;! in: rax=0x12348765 rbx=0x20000100
;! out: st0=0xffff0000000024680eca st7=0x3fff8000000000000000 ftw=0xff
;!      xmm1=0x00000000000000000000000024680eca xmm2=0xc3c3000000000002000000004e11a03b mxcsr=0x1fa0
;!      [data+101]=00000000000080ff3f [data+110]=ca0e682400000000
movd mm0, eax
paddw mm0, mm0
movq2dq xmm1, mm0
cvtpi2ps xmm2, mm0
emms
fld1
fstp tword [rbx]
movq [rbx+16], mm0
