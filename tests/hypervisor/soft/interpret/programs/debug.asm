;! expect: 1 4000 4000 2 1 3 1 4 e0010000 2000 41 400 5 e0060000 6
; Single steps, breakpoints on instructions, data and ports, DR7.GD, DR4 with CR4.DE.
%macro extra_descriptors 0
%endmacro
%include "protected.inc"
main:
    mov dword [idt + 8], (CODE0 << 16)
    mov eax, trap
    mov [idt + 8], ax
    LOG 1
    ; Two single steps: POPF's own successor, and one more; INT3-free.
    pushf
    or dword [esp], 0x100
    popf
    nop                        ; step 1 after this
    mov eax, 0x5               ; step 2; the handler has cleared TF
    ; Data breakpoint on a write of the second half of a doubleword.
    mov eax, target
    mov dr0, eax
    mov eax, 0xd0001 + 0
    mov dr7, eax               ; L0, write, 4 bytes
    LOG 2
    mov byte [target + 2], 1
    mov eax, [target]          ; a read is not watched
    ; Instruction breakpoint: before, and once only thanks to RF.
    mov eax, here
    mov dr0, eax
    mov eax, 1
    mov dr7, eax
    LOG 3
here:
    nop
    xor eax, eax
    mov dr7, eax
    ; Port breakpoint needs CR4.DE.
    mov eax, cr4
    or eax, 8
    mov cr4, eax
    LOG 4
    FAULT a
    mov word [idt + 8], stubs + 16
    mov eax, 0x2000
    mov dr7, eax
    mov eax, dr0               ; guarded
a:  mov eax, dr6
    and eax, 0xe00f
    LOG eax
    LOG 0x41
    mov eax, dr7
    LOG eax                    ; GD is off again
    LOG 5
    FAULT b
    mov eax, dr4               ; does not exist with CR4.DE
b:  LOG 6
    hlt
; Logs DR6's conditions and a mark, clears DR6, and ends stepping after the second step.
trap:
    push eax
    mov eax, dr6
    and eax, 0xe00f
    out LOG_PORT, eax
    mov eax, 0xffff0ff0
    mov dr6, eax
    inc dword [count]
    cmp dword [count], 2
    jne .more
    and dword [esp + 12], ~0x100
.more:
    or dword [esp + 12], 0x10000 ; RF: the processor leaves it to the handler
    pop eax
    iretd
count: dd 0
align 4
target: dd 0
