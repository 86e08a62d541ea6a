;! expect: 1 2 6 3 4 e0060000 aaaa 40 5 ffff1234 6 e00a0068 7
; 16-bit gates and tasks, conforming code.
%macro extra_descriptors 0
    DESCRIPTOR task16, 0x2b, 0x81, 0     ; 40: 16-bit TSS
    DESCRIPTOR 0, 0xfffff, 0x9e, 0xc     ; 48: conforming code, level 0
    DESCRIPTOR 0, 0xffff, 0x9a, 0        ; 50: 16-bit code
    DESCRIPTOR 0, 0xffff, 0x92, 0        ; 58: 16-bit stack
    DESCRIPTOR 0, 0xfffff, 0x92, 0xc     ; 60
    DESCRIPTOR task16, 0x2a, 0x81, 0     ; 68: one byte too short
%endmacro
%include "protected.inc"
main:
    LOG 1
    mov word [idt + 0x30 * 8], gate16
    mov word [idt + 0x30 * 8 + 4], 0x8600
    mov ebx, esp
    int 0x30
    cmp esp, ebx
    jne bad
    LOG 3
    FAULT a
    TO_USER user
user:
    call 0x4b:conforming       ; keeps the caller's level
    LOG 4
    ud2
conforming:
    mov eax, cs
    and eax, 3
    cmp eax, 3
    jne bad
    retf
gate16:
    LOG 2
    mov eax, ebx
    sub eax, esp
    LOG eax                    ; three words of frame
    o16 iret
a:  mov ecx, 0x12345678
    call 0x40:0                ; to the 16-bit task and back
    LOG 5
    LOG [task16_cx]
    LOG 6
    FAULT b
    jmp 0x68:0
b:  LOG 7
    hlt
bad:
    LOG 0xbad
    ud2
bits 16
in_task16:
    mov eax, ecx               ; the upper half is all ones
    mov ecx, eax
    mov [task16_cx], ecx
    mov eax, 0xaaaa
    out LOG_PORT, eax
    xor eax, eax
    str ax
    out LOG_PORT, eax
    iret
task16_cx: dd 0
align 8
task16:
    dw 0
    times 6 dw 0
    dw in_task16, 2
    dw 0, 0x1234, 0, 0         ; AX CX DX BX
    dw 0x6000, 0, 0, 0
    dw 0x58, 0x50, 0x58, 0x60
    dw 0
