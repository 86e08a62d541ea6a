; Compatibility mode: 32-bit code under long mode, with 64-bit interrupt handlers.
%include "long_mode.inc"
%define INTERRUPT_RETURN iretq
%macro enter_mode 0
  enter_long_mode CODE32
bits 32
.long:
  mov ax, DATA
  mov ds, ax
  mov ss, ax
  movzx esp, sp
%endmacro
%macro test_device_memory 0
  mov ax, DEVICE
  mov es, ax
  mov dword [es:0], 0x12345678
  mov eax, [es:0]
%endmacro
%include "body.inc"
bits 64
  interrupt_handlers
  variables
  interrupt_table
