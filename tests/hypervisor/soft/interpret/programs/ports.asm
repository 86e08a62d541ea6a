;! expect: 1 e00d0000 2 e00d0000 3 e00d0000 4 e00d0000 e00d0000 5
; I/O permission: IOPL, the bitmap, accesses that straddle a byte of it or leave it; CLI and HLT at level 3.
%macro extra_descriptors 0
%endmacro
%include "protected.inc"
%macro TO_USER_0 1           ; IOPL 0
    push DATA3
    push STACK3
    push dword 2
    push CODE3
    push %1
    iretd
%endmacro
main:
    LOG 1
    FAULT a
    TO_USER_0 u1
u1: in al, 0x60              ; the map says no
a:  mov dword [tss_io_map + LOG_PORT / 8], 0
    mov byte [tss_io_map + 0x60 / 8], 0xfe
    FAULT b
    TO_USER_0 u2
u2: in al, 0x60              ; now it does
    LOG 2
    in ax, 0x60              ; but not for 61h
b:  FAULT c
    TO_USER_0 u3
u3: LOG 3
    mov dx, 0x3f8            ; beyond the TSS
    in al, dx
c:  FAULT d
    TO_USER_0 u4
u4: LOG 4
    cli
d:  FAULT e
    TO_USER_0 u5
u5: hlt
e:  LOG 5
    hlt
