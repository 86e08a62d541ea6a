;! expect: 1 e00d0000 2 e00d0000 3 e00d0000 4 e00d0000 5 e00d0000 6 e00d0000 7 e0060000 8 e00d0000 9 5 a e00d0000 b e00d0000 c e00d0000 d e0060000 e e00d0000 f
; What control registers refuse: CR0.PG and PE, CR4.PAE and PCIDE, reserved bits, CR3, CR8, XCR0, INVPCID, EFER.
%macro extra_descriptors_64 0
%endmacro
%include "long.inc"
main64:
    LOG64 1
    FAULT64 a
    mov rax, cr0
    btr eax, 31
    mov cr0, rax               ; paging off in 64-bit code
a:  LOG64 2
    FAULT64 b
    mov rax, cr0
    and al, 0xfe
    mov cr0, rax               ; PG without PE
b:  LOG64 3
    FAULT64 c
    mov rax, cr4
    and eax, ~0x20
    mov cr4, rax               ; PAE off in IA-32e mode
c:  LOG64 4
    FAULT64 d
    mov rax, cr4
    bts eax, 12
    mov cr4, rax               ; LA57 is not there
d:  LOG64 5
    mov eax, 0x10008           ; PWT: CR3[11:0] is not 0
    mov cr3, rax
    FAULT64 e
    mov rax, cr4
    bts eax, 17
    mov cr4, rax
e:  mov eax, 0x10000
    mov cr3, rax
    mov rax, cr4
    bts eax, 17
    mov cr4, rax               ; PCIDE
    LOG64 6
    FAULT64 f
    mov rax, 0x10000000000     ; beyond the physical addresses
    mov cr3, rax
f:  mov rax, 0x8000000000010005
    mov cr3, rax               ; PCID 5, kept entries
    LOG64 7
    FAULT64 g
    db 0x0f, 0x20, 0xc8        ; MOV EAX, CR1
g:  LOG64 8
    FAULT64 h
    mov eax, 16
    mov cr8, rax
h:  LOG64 9
    mov rax, cr3
    and eax, 0xfff
    LOG64 eax
    LOG64 0xa
    ; INVPCID: all four types work, a fifth does not, nor do reserved bits.
    mov qword [0x20000], 5
    mov qword [0x20008], 0x1000
    xor eax, eax
    invpcid rax, [0x20000]
    inc eax
    invpcid rax, [0x20000]
    inc eax
    invpcid rax, [0x20000]
    inc eax
    invpcid rax, [0x20000]
    FAULT64 i
    inc eax
    invpcid rax, [0x20000]
i:  LOG64 0xb
    FAULT64 j
    mov qword [0x20000], 0x1005
    xor eax, eax
    invpcid rax, [0x20000]
j:  LOG64 0xc
    FAULT64 k
    mov ecx, 0xc0000080
    rdmsr
    btr eax, 8
    wrmsr                      ; LME while paging
k:  LOG64 0xd
    FAULT64 l
    xor ecx, ecx
    xgetbv                     ; CR4.OSXSAVE is clear
l:  mov rax, cr4
    bts eax, 18
    mov cr4, rax
    LOG64 0xe
    FAULT64 m
    xor ecx, ecx
    xor edx, edx
    mov eax, 2                 ; SSE without x87
    xsetbv
m:  xor ecx, ecx
    xor edx, edx
    mov eax, 3
    xsetbv
    xgetbv
    cmp eax, 3
    jne bad
    LOG64 0xf
    hlt
bad:
    LOG64 0xbad
    hlt
