;! expect: 1 2 28 4000 3 8 89 8b 4 5 0 48 6 e00b0070 58 8b e0010000 8000 60 e00a0068 7
; Task switches: CALL, IRET with NT, busy bits, TS; a task gate with an error code; a fault in the new task; T; JMP.
%macro extra_descriptors 0
    DESCRIPTOR task_b, 0x67, 0x89, 0     ; 40
    DESCRIPTOR task_c, 0x67, 0x89, 0     ; 48
    dq 0                                 ; 50
    DESCRIPTOR task_d, 0x67, 0x89, 0     ; 58
    DESCRIPTOR task_e, 0x67, 0x89, 0     ; 60
    DESCRIPTOR task_e, 0x20, 0x89, 0     ; 68: too short
    DESCRIPTOR 0, 0xfffff, 0x12, 0xc     ; 70: not present
%endmacro
%include "protected.inc"

; TASK name, entry, DS, T
%macro TASK 4
align 8
%1: dd 0
    times 6 dd 0
    dd 0                      ; CR3
    dd %2, 2                  ; EIP, EFLAGS
    dd 0, 0, 0, 0             ; EAX ECX EDX EBX
    dd %1_stack, 0, 0, 0      ; ESP EBP ESI EDI
    dd DATA0, CODE0, DATA0, %3, DATA0, DATA0
    dd 0                      ; LDT
    dw %4, 0x68
    times 64 dd 0
%1_stack:
%endmacro

%macro LOG_TASK 0
    xor eax, eax
    str ax
    LOG eax
%endmacro

main:
    LOG 1
    clts
    mov ebx, 0x55
    call 0x40:0
    cmp ebx, 0x55
    jne bad
    LOG 3
    mov eax, cr0
    and eax, 8
    LOG eax                   ; TS
    movzx eax, byte [gdt + 0x40 + 5]
    LOG eax                   ; free again
    movzx eax, byte [gdt + TSS + 5]
    LOG eax                   ; busy
    LOG 4
    ; #GP through a task gate.
    mov dword [idt + 13 * 8], 0x480000
    mov dword [idt + 13 * 8 + 4], 0x8500
    mov ax, 0x7b
    FAULT bad
    mov dword [after], a
    mov ds, ax
bad:
    LOG 0xbad
    hlt
a:  LOG 6
    FAULT b
    jmp 0x58:0                ; D's DS is not present: #NP(70), in D
b:  LOG_TASK
    movzx eax, byte [gdt + 0x58 + 5]
    LOG eax
    FAULT c
    jmp 0x60:0                ; E's T bit: #DB before its first instruction
c:  mov eax, dr6
    and eax, 0xe00f
    LOG eax
    LOG_TASK
    FAULT d
    jmp 0x68:0                ; too short a TSS: #TS in the old task
d:  LOG 7
    hlt
b_entry:
    mov ebx, 0x66
    LOG 2
    movzx eax, word [task_b]
    LOG eax                   ; the link
    pushfd
    pop eax
    and eax, 0x4000
    LOG eax                   ; NT
    iretd
c_entry:
    LOG 5
    pop eax
    sub eax, 0x78
    LOG eax                   ; the error code
    LOG_TASK
    mov eax, [after]
    mov [tss + 0x20], eax     ; the faulting task goes on elsewhere
    iretd
d_entry:
    hlt
e_entry:
    hlt
after: dd 0
TASK task_b, b_entry, DATA0, 0
TASK task_c, c_entry, DATA0, 0
TASK task_d, d_entry, 0x70, 0
TASK task_e, e_entry, DATA0, 1
