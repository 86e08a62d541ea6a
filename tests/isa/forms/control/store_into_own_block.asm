; Stores into code that has been executed and then into the next instruction: the first makes the page's code void, which
; must not hide the last from the block that all are in.
;! mode: 64
;! in:
;! out: rax=0x5a5a5a5a5a5a0002
.executed:
nop
jmp short .next
.next:
mov byte [rel .executed], 0x90
mov byte [rel .executed], 0x90
mov byte [rel .changed + 1], 2
.changed:
mov al, 1
