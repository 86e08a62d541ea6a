; 64-bit mode.
%include "long_mode.inc"
%define INTERRUPT_RETURN iretq
%macro enter_mode 0
  enter_long_mode CODE64
bits 64
.long:
  movzx esp, sp
%endmacro
%macro test_device_memory 0
  mov dword [0xa0000], 0x12345678
  mov eax, [0xa0000]
%endmacro
%include "body.inc"
  interrupt_handlers
  variables
  interrupt_table
  dd 0                              ; of the table's 64-bit address
