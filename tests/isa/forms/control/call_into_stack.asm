; CALL whose return address overwrites code of its own page, where translated code has to be left:
; it goes on where the call leads, not behind it.
;! mode: 64
;! undefined: rsp
;! in:
;! out: rax=0x5a5a5a5a5a5a0002
lea rsp, [rel .room + 8]
call .taken
mov al, 1
jmp short .end
.room:
dq 0x9090909090909090
.taken:
mov al, 2
.end:
