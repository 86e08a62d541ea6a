;! expect: 1 2 3 246 3 246 3 246 4 5 6 e00d0000 10202 7 e00e0001 8 9
; What a kernel does at every entry and exit, again and again, so that translated code meets itself: SYSCALL and SYSRET
; with flags, CLI and STI, PUSHFQ, CLAC and STAC, CLD, IRETQ, and instructions that lie in two pages.
%macro extra_descriptors_64 0
%endmacro
%include "long.inc"
%macro WRMSR_ 2
    mov ecx, %1
    mov eax, (%2) & 0xffffffff
    mov edx, (%2) >> 32
    wrmsr
%endmacro
USER equ 0x200000               ; the same memory again, as level 3 may use it
main64:
    LOG64 1
    mov qword [0x12000], 0x83
    mov qword [0x12008], 0x87
    mov rax, cr3
    mov cr3, rax
    mov rax, cr4
    or eax, 1 << 21            ; SMAP
    mov cr4, rax
    WRMSR_ 0xc0000081, (0x33 << 48) | (0x38 << 32)
    mov ecx, 0xc0000082
    mov eax, entry
    xor edx, edx
    wrmsr
    WRMSR_ 0xc0000084, 0x257fd5
    mov ebx, 3
    mov ecx, user + USER
    mov r11d, 0x202
    LOG64 2
    mov rsp, USER + STACK3
    o64 sysret
user:
    xor eax, eax               ; ZF, PF
    syscall
    pushfq
    pop rax                    ; what R11 had
    dec ebx
    jz user_done
    cmp eax, 0x246
    jne user_bad
    jmp user
user_done:
    mov eax, 0x77
    syscall
user_bad:
    ud2

entry:
    mov rsp, STACK0
    pushfq
    pop rdx                    ; all that the mask clears is clear, and AC allows nothing
    test edx, 0x257fd5
    jnz bad
    cmp eax, 0x77
    je first_done
    stac
    mov eax, 3
    out LOG_PORT, eax
    mov eax, r11d
    out LOG_PORT, eax
    mov r11d, eax
    clac
    mov rsp, USER + STACK3
    o64 sysret
first_done:
    mov rsp, STACK0
    LOG64 4
    ; Interrupts: the flag, its shadow, and flags across both.
    mov ebx, 4
.again:
    cmp ebx, 4                 ; ZF in the first round
    sti
    cli
    jz .equal
    cmp ebx, 4
    je bad
.equal:
    std
    cld
    pushfq
    pop rax
    test eax, 0x600
    jnz bad
    sti
    nop
    pushfq
    pop rax
    cli
    test eax, 0x200
    jz bad
    dec ebx
    jnz .again
    LOG64 5
    ; IRETQ to itself.
    mov ebx, 3
.return:
    mov rdx, rsp
    push DATA0
    push rdx
    push 0x202
    push CODE64
    push .behind
    iretq
.behind:
    dec ebx
    jnz .return
    LOG64 6
    FAULT64 fault
    mov ecx, 3
    ; A fault in the middle of a block that has been entered before.
.count:
    mov rax, .flat
    dec ecx
    jnz .flat
    mov rax, 0x8000000000000000
.flat:
    test rax, rax
    mov rax, [rax]
    jmp .count
fault:
    mov eax, [r15 + 32]        ; RFLAGS as pushed: RF, IF
    and eax, 0x10200
    or eax, 2
    LOG64 eax
    LOG64 7
    ; CLAC takes away what STAC gave.
    FAULT64 prevented
    mov edi, 2
.round:
    stac
    mov rax, [USER + 0x100000]
    mov rax, [USER + 0x100000]
    clac
    dec edi
    jnz .round
    mov rax, [USER + 0x100000]
    ud2
prevented:
    LOG64 8
    jmp crossing
bad:
    LOG64 0xbad
    ud2
    ; Instructions that begin in one page and end in the next one, changed while they are hot.
crossing:
    mov edi, 0x101000 - 3
    mov byte [rdi], 0xb8        ; mov eax, imm32: one byte and two of the number here, two there
    mov dword [rdi + 1], 0x11
    mov byte [rdi + 5], 0xc3    ; ret
    mov ebx, 5
.once:
    call rdi
    cmp eax, 0x11
    jne bad
    dec ebx
    jnz .once
    mov byte [rdi + 4], 0x01    ; in the second page
    call rdi
    cmp eax, 0x01000011
    jne bad
    mov byte [rdi + 1], 0x22    ; in the first
    call rdi
    cmp eax, 0x01000022
    jne bad
    LOG64 9
    hlt
