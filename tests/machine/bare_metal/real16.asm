; Real-address mode.
%define INTERRUPT_RETURN iret
%macro enter_mode 0
%endmacro
%macro load_interrupt_table 0       ; the table at 0
  mov word [TIMER_VECTOR * 4], timer_handler
  mov word [TIMER_VECTOR * 4 + 2], 0
  mov word [IPI_VECTOR * 4], ipi_handler
  mov word [IPI_VECTOR * 4 + 2], 0
%endmacro
%macro test_device_memory 0
  mov ax, 0xa000
  mov es, ax
  mov dword [es:0], 0x12345678
  mov eax, [es:0]
%endmacro
%include "body.inc"
  interrupt_handlers
  variables
