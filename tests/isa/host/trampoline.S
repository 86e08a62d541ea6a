# Into a test and back on the host's own processor. Registers are moved with absolute addresses in
# the control page (control_page.hpp), so every general-purpose register belongs to the test.

.set CONTROL, 0x30000000
.set FX, CONTROL
.set GPR, CONTROL + 0x200
.set RIP, CONTROL + 0x280
.set RFLAGS, CONTROL + 0x288
.set UPPER, CONTROL + 0x290
.set STACK, CONTROL + 0x390
.set FAR_TARGET, CONTROL + 0x398
.set HAS_AVX, CONTROL + 0x3a0
.set EXIT_USER_64, 0x101ff000
.set USER_DATA, 0x2b
.set USER_CODE_64, 0x33

.text

# Upper halves of the YMM registers, where the host has them.
.macro load_upper
    cmpb $0, HAS_AVX
    je 1f
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    vinsertf128 $1, UPPER + 16 * \n, %ymm\n, %ymm\n
    .endr
1:
.endm
.macro store_upper
    cmpb $0, HAS_AVX
    je 1f
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    vextractf128 $1, %ymm\n, UPPER + 16 * \n
    .endr
    vzeroupper
1:
.endm

# Saves what the ABI wants back, then loads all that the control page holds.
.macro enter
    pushq %rbx
    pushq %rbp
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    pushfq
    subq $8, %rsp
    stmxcsr (%rsp)
    fnstcw 4(%rsp)
    movq %rsp, STACK
    fxrstor64 FX
    load_upper
    pushq RFLAGS
    popfq
    movq GPR + 0x00, %rax
    movq GPR + 0x08, %rcx
    movq GPR + 0x10, %rdx
    movq GPR + 0x18, %rbx
    movq GPR + 0x28, %rbp
    movq GPR + 0x30, %rsi
    movq GPR + 0x38, %rdi
    movq GPR + 0x40, %r8
    movq GPR + 0x48, %r9
    movq GPR + 0x50, %r10
    movq GPR + 0x58, %r11
    movq GPR + 0x60, %r12
    movq GPR + 0x68, %r13
    movq GPR + 0x70, %r14
    movq GPR + 0x78, %r15
    movq GPR + 0x20, %rsp
.endm

.globl isa_host_enter_64
.type isa_host_enter_64, @function
isa_host_enter_64:
    enter
    jmpq *RIP

.globl isa_host_enter_32
.type isa_host_enter_32, @function
isa_host_enter_32:
    movl $USER_DATA, %eax
    movl %eax, %ds
    movl %eax, %es
    enter
    ljmpl *FAR_TARGET

# Copied to the exit page. First the 64-bit hole, at 0x400 the 32-bit one. After an exception the
# signal handler has stored everything and continues at isa_host_exit_after_fault.
.globl isa_host_exit_page, isa_host_exit_after_fault, isa_host_exit_page_end
isa_host_exit_page:
    movq %rax, GPR + 0x00
    movq %rcx, GPR + 0x08
    movq %rdx, GPR + 0x10
    movq %rbx, GPR + 0x18
    movq %rsp, GPR + 0x20
    movq %rbp, GPR + 0x28
    movq %rsi, GPR + 0x30
    movq %rdi, GPR + 0x38
    movq %r8, GPR + 0x40
    movq %r9, GPR + 0x48
    movq %r10, GPR + 0x50
    movq %r11, GPR + 0x58
    movq %r12, GPR + 0x60
    movq %r13, GPR + 0x68
    movq %r14, GPR + 0x70
    movq %r15, GPR + 0x78
    movq STACK, %rsp
    pushfq
    popq RFLAGS
    fxsave64 FX
    store_upper
isa_host_exit_after_fault:
    movq STACK, %rsp
    movq $0, STACK
    xorl %eax, %eax
    movl %eax, %ds
    movl %eax, %es
    fninit
    ldmxcsr (%rsp)
    fldcw 4(%rsp)
    addq $8, %rsp
    popfq
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    ret
.org isa_host_exit_page + 0x400
.code32
    ljmpl $USER_CODE_64, $EXIT_USER_64
.code64
isa_host_exit_page_end:

.section .note.GNU-stack, "", @progbits
