;! expect: 1 e00d0000 e00d0048 e00d0040 e00b0050 e00c0058 2 e00d0010 e00d0060 3 4 0 5 e00d0070 6 1 7 8 fffff 0 cf9300 triple
; Segment loads: error codes, accessed bit, null selectors, LAR, LSL, VERR, VERW, ARPL.
%macro extra_descriptors 0
    DESCRIPTOR 0, 0xfffff, 0x98, 0xc     ; 40 execute only
    DESCRIPTOR 0, 0xfffff, 0x82, 0       ; 48 LDT: a system segment
    DESCRIPTOR 0, 0xfffff, 0x12, 0xc     ; 50 data, not present
    DESCRIPTOR 0, 0xfffff, 0x12, 0xc     ; 58 the same for SS
    DESCRIPTOR 0, 0xfffff, 0x90, 0xc     ; 60 read only
    DESCRIPTOR 0, 0xfffff, 0x92, 0xc     ; 68 good, not accessed yet
%endmacro
%include "protected.inc"
main:
    LOG 1
    FAULT a
    mov ax, 0
    mov ss, ax                 ; null SS
a:  FAULT b
    mov ax, 0x48
    mov ds, ax                 ; system segment
b:  FAULT c
    mov ax, 0x40
    mov es, ax                 ; not readable
c:  FAULT d
    mov ax, 0x50
    mov fs, ax                 ; not present
d:  FAULT e
    mov ax, 0x58
    mov ss, ax
e:  LOG 2
    FAULT f
    mov ax, 0x13
    mov ss, ax                 ; RPL 3
f:  FAULT g
    mov ax, 0x60
    mov ss, ax                 ; read only
g:  LOG 3
    mov ax, 0x68
    mov gs, ax
    mov al, [gdt + 0x68 + 5]
    cmp al, 0x93
    jne bad
    LOG 4
    xor eax, eax
    mov gs, ax                 ; null is fine until used
    mov ax, gs
    LOG eax
    FAULT h
    LOG 5
    mov ax, 0x70
    lgs eax, [far_pointer]     ; beyond the limit
h:  LOG 6
    mov ax, 0x60
    verr ax
    jnz bad
    verw ax
    jz bad
    mov ax, 0x40
    verr ax
    jz bad
    LOG 1
    mov ax, 0x10
    mov bx, 3
    arpl ax, bx
    jnz bad
    cmp ax, 0x13
    jne bad
    LOG 7
    LOG 8
    mov ecx, 0x48
    lsl eax, ecx
    jnz bad
    LOG eax
    mov eax, 0
    mov ecx, 0x100             ; beyond: ZF clear, nothing written
    lsl eax, ecx
    jz bad
    LOG eax
    mov ecx, DATA0
    lar eax, ecx
    jnz bad
    LOG eax
    mov word [tss + 8], 0      ; SS0 null: #GP, #TS, #DF, the end
    push DATA3
    push STACK3
    push CODE3
    push user
    retf
bad:
    LOG 0xbad
    hlt
far_pointer:
    dd 0
    dw 0x70
user:
    int 3
    jmp $
