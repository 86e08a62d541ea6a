; Accesses close by: what a function saves, fields, two places by turns, known addresses, what it
; restores.
bits 64
org 0x8000
push rbp
mov rbp, rsp
push r15
push rbx
mov rax, [rdi + 8]
add rax, [rdi + 16]
jc other
movaps xmm0, [rdi + 32]
mov [rdi + 24], r11
other:
mov dl, [rsi]
cmp dl, [rdi + rcx * 2]
jne different
mov dl, [rsi + 1]
cmp dl, [rdi + rcx * 2 + 1]
jne different
inc dword [rel counter]
mov [rel counter + 4], edx
different:
pop rbx
pop r15
pop rbp
ret
counter:
