; SHA1MSG1 xmm, m128: an operand that is not aligned (SDM vol. 2, exceptions type 4; AMD's processors load it)
;! mode: 64 32
;! host: no
;! in: rbx=0x20000108
;! out: fault=#GP(0)
sha1msg1 xmm1, [ebx]
