;! expect: 1 2 43 23 3 302 38 40 4 abcd 5 1234 6 7 8 e0060000 e00d0000 e00d0000 9
; SYSCALL, SYSRET, SYSENTER, SYSEXIT, SWAPGS, FS and GS bases.
%macro extra_descriptors_64 0
%endmacro
%include "long.inc"
%macro WRMSR_ 2
    mov ecx, %1
    mov eax, (%2) & 0xffffffff
    mov edx, (%2) >> 32
    wrmsr
%endmacro
main64:
    LOG64 1
    ; SYSRET: CS = 30h + 16 | 3 = 43h, SS = 38h | 3; SYSCALL: CS 38h, SS 40h.
    WRMSR_ 0xc0000081, (0x33 << 48) | (0x38 << 32)
    mov ecx, 0xc0000082
    mov eax, entry
    xor edx, edx
    wrmsr
    WRMSR_ 0xc0000084, 0x3300
    mov ecx, user
    mov r11d, 0x3202
    o64 sysret
user:
    LOG64 2
    mov eax, cs
    LOG64 eax
    mov eax, ss
    add eax, 0x23 - 0x3b
    LOG64 eax
    LOG64 3
    pushfq
    or dword [rsp], 0x100
    popfq                      ; TF: masked by the call, so that there is no trap
    syscall
after_call:
    LOG64 4
    mov rax, 0xabcd
    syscall
entry:
    cmp rax, 0xabcd
    je second
    and r11d, 0x302
    mov eax, r11d
    out LOG_PORT, eax
    mov eax, cs
    out LOG_PORT, eax
    mov eax, ss
    out LOG_PORT, eax
    mov r11d, 0x3202
    o64 sysret
second:
    out LOG_PORT, eax
    mov esp, STACK0
    LOG64 5
    ; SWAPGS and the bases.
    WRMSR_ 0xc0000102, 0x20000
    WRMSR_ 0xc0000101, 0x30000
    mov dword [0x20008], 0x1234
    swapgs
    mov eax, [gs:8]
    LOG64 eax
    mov rax, cr4
    or eax, 1 << 16
    mov cr4, rax
    rdgsbase rax
    cmp rax, 0x20000
    jne bad
    mov rbx, 0x123456789000
    wrfsbase rbx
    mov ecx, 0xc0000100
    rdmsr
    cmp eax, 0x56789000
    jne bad
    cmp edx, 0x1234
    jne bad
    LOG64 6
    ; SYSENTER: CS 38h, SS 40h; SYSEXIT: CS 38h + 32 + 3, beyond the tables, not looked at.
    WRMSR_ 0x174, 0x38
    WRMSR_ 0x175, 0x6a000
    mov ecx, 0x176
    mov eax, fast
    xor edx, edx
    wrmsr
    FAULT64 a
    TO_USER64 slow
slow:
    sysenter
fast:
    LOG64 7
    cmp rsp, 0x6a000
    jne bad
    mov rdx, back
    mov rcx, STACK3
    pushfq
    or dword [rsp], 0x3000
    popfq
    o64 sysexit
back:
    LOG64 8
    mov eax, cs
    cmp eax, 0x5b
    jne bad
    ud2
a:  FAULT64 b
    mov rax, 0x8000000000000000
    wrfsbase rax               ; not canonical
b:  FAULT64 c
    mov ecx, 0x12345
    rdmsr                      ; no such register
c:  LOG64 9
    hlt
bad:
    LOG64 0xbad
    ud2
