; Accesses close by through one register: what a function saves, fields, what it restores.
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
pop rbx
pop r15
pop rbp
ret
