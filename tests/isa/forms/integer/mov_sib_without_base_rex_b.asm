; MOV r64, [index + disp32] whose REX.B would make the missing base R13: it is not decoded (SDM vol. 2A, table 2-5)
;! in: rbx=0x20000100 r13=0x123456789 [data+110]=8877665544332211
;! out: rax=0x1122334455667788
db 0x49, 0x8b, 0x04, 0x1d
dd 0x10
