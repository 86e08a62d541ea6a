; The same as call_into_stack to an address in a register.
;! mode: 64
;! undefined: rsp rdx
;! in:
;! out: rax=0x5a5a5a5a5a5a0002
lea rsp, [rel .room + 8]
lea rdx, [rel .taken]
call rdx
mov al, 1
jmp short .end
.room:
dq 0x9090909090909090
.taken:
mov al, 2
.end:
