;! expect: 1 11112222 33334444 23 2 3 aaaa bbbb 4 e00d0008 e00d0058 e00b0060 5
; Call gates: inner with parameters and a stack switch, RET n back, 16-bit gates, privilege errors.
%macro extra_descriptors 0
    GATE CODE0, gate32, 0xec, 2          ; 40: 32-bit, DPL 3, two parameters
    GATE CODE0, gate16, 0xe4, 2          ; 48: 16-bit, DPL 3, two words
    DESCRIPTOR 0, 0xfffff, 0xfa, 0xc     ; 50
    GATE CODE0, gate32, 0x8c, 0          ; 58: DPL 0
    GATE CODE0, gate32, 0x6c, 0          ; 60: not present
%endmacro
%include "protected.inc"
main:
    LOG 1
    TO_USER user
gate32:
    LOG [esp + 4 + 12]                   ; above what LOG pushes
    LOG [esp + 4 + 8]
    mov eax, [esp + 20]                  ; the outer SS
    LOG eax
    retf 8
gate16:
    mov bp, sp
    movzx eax, word [esp + 6]
    LOG eax
    movzx eax, word [esp + 4]
    LOG eax
    o16 retf 4
user:
    mov ax, DATA3
    mov ds, ax
    push dword 0x11112222
    push dword 0x33334444
    call 0x43:0
    cmp esp, STACK3
    jne bad
    LOG 2
    push word 0xaaaa
    push word 0xbbbb
    LOG 3
    call 0x4b:0
    cmp esp, STACK3 & 0xffff             ; only 16 bits came back
    jne bad
    LOG 4
    FAULT a
    jmp 0x43:0                           ; JMP does not lead inwards
a:  FAULT b
    TO_USER user_b
user_b:
    call 0x5b:0                          ; the gate is for level 0
b:  FAULT c
    TO_USER user_c
user_c:
    call 0x63:0                          ; not present
c:  LOG 5
    hlt
bad:
    LOG 0xbad
    ud2
