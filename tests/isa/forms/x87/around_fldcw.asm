; FLDCW within a block: rounding changes, and an exception that becomes unmasked is reported
;! mode: 64
;! in: rbx=0x20000100 rcx=0x20000110 [data+100]=7f0f [data+110]=7f03
;! out: rax=0x5a5a5a5a5a5a3824 fsw=0x3824 st0=0x7fff8000000000000000 [data+102]=7f
;!      [data+108]=555555555555d53f
;! in: rbx=0x20000100 rcx=0x20000110 [data+100]=7f0f [data+110]=7b03
;! out: fault=#MF rip=0x15 fcw=0x37b fsw=0xb0a4 st1=0x3ffdaaaaaaaaaaaaaaaa ftw=0xc0
;!      [data+108]=555555555555d53f
;! in: rbx=0x20000100 rcx=0x1ffffff8 [data+100]=7f0f
;! out: fault=#PF(4)@0x1ffffff8 rip=0xf fcw=0xf7f fsw=0x3820 st0=0x3ffdaaaaaaaaaaaaaaaa
;!      st7=0x4000c000000000000000 ftw=0x80 [data+108]=555555555555d53f
fld1
fld1
fadd st0, st0
fadd st0, st1
fldcw [rbx]
fdivp st1, st0
fst qword [rbx+8]
fldcw [rcx]
fldz
fdivp st1, st0
fwait
fnstcw [rbx+2]
fnstsw ax
