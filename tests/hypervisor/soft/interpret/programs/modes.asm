;! expect: 1 2 3 4 5 6 7 8 9
; Real mode to protected, IA-32e, compatibility, and all the way back; long mode's rules on the way.
%macro extra_descriptors 0
    DESCRIPTOR 0, 0xffff, 0x9a, 0        ; 40 16-bit code
    DESCRIPTOR 0, 0xffff, 0x92, 0        ; 48 16-bit data
%endmacro
%include "protected.inc"
main:
    LOG 1
    ; Identity map of the first 2 MiB.
    mov dword [0x10000], 0x11003
    mov dword [0x11000], 0x12003
    mov dword [0x12000], 0x00083
    mov eax, cr4
    or eax, 0x20
    mov cr4, eax
    mov eax, 0x10000
    mov cr3, eax
    mov ecx, 0xc0000080
    rdmsr
    or eax, 0x100
    wrmsr
    mov eax, cr0
    or eax, 0x80000000
    mov cr0, eax
    rdmsr
    test eax, 0x400            ; LMA
    jz bad
    LOG 2                      ; compatibility mode
    jmp CODE64:in64
bits 64
in64:
    mov eax, 3
    out LOG_PORT, eax
    mov rax, 0x123456789a
    push rax
    pop rbx
    cmp rax, rbx
    jne bad
    mov rcx, cr8
    mov rcx, cr0
    mov eax, 4
    out LOG_PORT, eax
    xor eax, eax
    mov ds, ax                 ; null is no obstacle here
    mov eax, [abs gdt + 8]
    test eax, eax
    jz bad
    push CODE0
    push compat
    db 0x48
    retf
bits 32
compat:
    mov ax, DATA0
    mov ds, ax
    mov ss, ax
    mov esp, STACK0
    LOG 5
    mov eax, cr0
    and eax, 0x7fffffff
    mov cr0, eax               ; leaves IA-32e mode
    mov ecx, 0xc0000080
    rdmsr
    test eax, 0x400
    jnz bad
    LOG 6
    mov ecx, 0xc0000080
    xor eax, eax
    xor edx, edx
    wrmsr
    jmp 0x40:in16
bad:
    LOG 0xbad
    hlt
bits 16
in16:
    mov ax, 0x48
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov esp, 0x7c00
    LOG 7
    mov eax, cr0
    and al, 0xfe
    mov cr0, eax
    jmp 0:real
real:
    xor ax, ax
    mov ds, ax
    mov ss, ax
    lidt [ivt_pointer]
    mov word [0x21 * 4], handler
    mov word [0x21 * 4 + 2], 0
    LOG 8
    int 0x21
    hlt
handler:
    LOG 9
    iret
ivt_pointer:
    dw 0x3ff
    dd 0
