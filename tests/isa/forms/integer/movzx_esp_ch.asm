; MOVZX ESP, CH: a high byte beside RSP, which a translator may keep where REX is needed
;! mode: 64 32
;! in: rcx=0x1234 rbp=0x77
;! out: rsp=0x12
movzx esp, ch
