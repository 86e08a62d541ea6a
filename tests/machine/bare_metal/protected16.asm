; Protected mode with 16-bit segments. Where KVM emulates ring 0, it delivers through 16-bit gates as through 32-bit ones,
; and knows no IRET in protected mode: so the gates are 32-bit, and a far return does without the flags.
%define INTERRUPT_RETURN o32 retf 4
%define GATE_BYTES 8
%macro GATE 1
  dw %1, CODE16, 0x8e00, 0
%endmacro
%macro enter_mode 0
  lgdt [gdt_pointer]
  mov eax, cr0
  or al, 1
  mov cr0, eax
  jmp CODE16:.protected
.protected:
  mov ax, DATA
  mov ds, ax
  mov ss, ax
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
