; CALL to a non-canonical address is refused before the stack is looked at (SDM vol. 2A, CALL). AMD's
; processors look at the stack first.
;! mode: 64
;! host: no
;! in: rdx=0x8000000000000000 rsp=0
;! out: fault=#GP(0)
call rdx
