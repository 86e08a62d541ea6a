;! expect: 1 1234 2 e00d0000 e00d0000 3 33 4 e00d001a 5 6 7 202 8 3202 9 e00d0000 a
; Virtual-8086 mode: entry by IRET, sensitive instructions, the redirection map, VIF and VIP.
%macro extra_descriptors 0
%endmacro
%include "protected.inc"

; TO_V86 label, eflags: enters virtual-8086 mode with CS 0
%macro TO_V86 2
    push dword 0x40          ; GS
    push dword 0x30          ; FS
    push dword 0x20          ; DS
    push dword 0x10          ; ES
    push dword 0             ; SS
    push dword 0x6000        ; ESP
    push dword %2
    push dword 0             ; CS
    push dword %1
    iretd
%endmacro
%define V86 0x20002
%define IOPL3 0x3000

main:
    LOG 1
    mov word [0x204], 0x1234
    ; Ports free for level 3: the log's.
    mov dword [tss_io_map + LOG_PORT / 8], 0
    FAULT a
    TO_V86 v1, V86
bits 16
v1: mov ax, [4]              ; DS is 20h
    LOG eax
    LOG 2
    cli                      ; IOPL 0, no VME
bits 32
a:  FAULT b
    TO_V86 v2, V86
bits 16
v2: int 0x21                 ; the same
bits 32
b:  LOG 3
    mov eax, cr4
    or eax, 1                ; VME
    mov cr4, eax
    mov word [0x21 * 4], handler_21
    mov word [0x21 * 4 + 2], 0
    or byte [tss_io_map - 32 + 0x22 / 8], 1 << (0x22 % 8)
    mov word [idt + 0x21 * 8 + 4], 0xee00
    mov word [idt + 0x22 * 8 + 4], 0xee00
    FAULT c
    TO_V86 v3, V86
bits 16
v3: int 0x21                 ; by the program's own table
    LOG 4
    int3                     ; by the IDT, whatever the map says: gate 3 is for level 0
handler_21:
    LOG 0x33
    iret
bits 32
c:  LOG 5
    FAULT d
    TO_V86 v4, V86
bits 16
v4: sti                      ; VIF
    pushf
    pop ax
    test ax, 0x200
    jz bad
    LOG 6
    cli
    pushf
    pop ax
    test ax, 0x200
    jnz bad
    LOG 7
    push word 0x3202
    popf
    pushf
    pop ax
    and eax, 0xffff
    and ax, 0x0fff
    LOG eax
    LOG 8
    pushf
    pop ax
    and eax, 0xffff
    LOG eax
    LOG 9
    pushfd                   ; a 32-bit one is not virtualized
bad:
    LOG 0xbad
    ud2
bits 32
d:  LOG 0xa
    hlt
