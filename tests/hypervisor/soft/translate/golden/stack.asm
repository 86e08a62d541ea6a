; PUSH, POP, CALL, RET and LEAVE by the guest's RSP, which is the host's R15.
bits 64
org 0x8000

  push rbp
  mov rbp, rsp
  push qword [rdi]
  pop r10
  leave
  call function
function:
  ret
