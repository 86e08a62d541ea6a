;! expect: 1 e0030000 2 6b000 1 10 3 3 e0030000 4 0 e00d0028 e00d01aa 5 e00e0002 300000 6 e0080000 7 e00c0000 8 9 a triple
; Event delivery in 64-bit mode: IST, alignment, null SS, error codes, nested faults, triple fault.
%macro extra_descriptors_64 0
%endmacro
%include "long.inc"
main64:
    LOG64 1
    ; INT3 on IST 2.
    FAULT64 a
    GATE64 3, 0x8e02
    sub rsp, 3                 ; an odd stack pointer
    int3
a:  LOG64 2
    lea rax, [r15 + 16 + 5 * 8]  ; the top of the frame: IST 2 is 6B000
    LOG64 eax
    mov rax, [r15 + 16]        ; RIP is after INT3
    sub rax, a
    inc rax
    LOG64 eax
    mov rax, [r15 + 16 + 32]   ; the old SS
    LOG64 eax
    mov rax, [r15 + 16 + 24]
    neg rax
    add rax, STACK0
    LOG64 eax                  ; and RSP, not aligned
    GATE64 3, 0xee00
    FAULT64 b
    TO_USER64 user
user:
    LOG64 3
    int3                       ; from level 3: SS becomes null
b:  LOG64 4
    mov eax, 0
    LOG64 eax
    FAULT64 c
    jmp far dword [to_tss]           ; no task switches here: #GP(selector)
c:  FAULT64 d
    TO_USER64 user2
user2:
    int 0x35                   ; gate for level 0: #GP(vector * 8 + 2)
d:  LOG64 5
    FAULT64 e
    mov [0x300000], eax        ; not mapped
e:  mov rax, cr2
    LOG64 eax
    LOG64 6
    FAULT64 f
    GATE64 14, 0x0e00          ; page faults: gate not present, so #DF
    mov [0x300000], eax
f:  LOG64 7
    GATE64 14, 0x8e00
    mov rax, 0x8000000000000000
    FAULT64 g
    push rax
    pop rbp
    mov rbx, [rbp]             ; not canonical, through SS
g:  LOG64 8
    LOG64 9
    GATE64 8, 0x8e03           ; #DF on a stack that is not canonical
    GATE64 14, 0x0e00
    LOG64 0xa
    mov [0x300000], eax
    hlt
to_tss:
    dd 0
    dw TSS
