; Protected mode with 32-bit segments.
; Without the flags, by a far return: where KVM emulates ring 0, it knows no IRET in protected mode.
%define INTERRUPT_RETURN retf 4
%define GATE_BYTES 8
%macro GATE 1
  dw %1, CODE32, 0x8e00, 0
%endmacro
%macro enter_mode 0
  lgdt [gdt_pointer]
  mov eax, cr0
  or al, 1
  mov cr0, eax
  jmp CODE32:.protected
bits 32
.protected:
  mov ax, DATA
  mov ds, ax
  mov ss, ax
  movzx esp, sp
%endmacro
%macro load_interrupt_table 0
  lidt [idt_pointer]
%endmacro
%macro test_device_memory 0
  mov ax, DEVICE
  mov es, ax
  mov dword [es:0], 0x12345678
  mov eax, [es:0]
%endmacro
%include "body.inc"
  interrupt_handlers
  variables
  interrupt_table
