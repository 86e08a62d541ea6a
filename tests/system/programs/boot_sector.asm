; A disk that starts itself: its boot sector reads the second sector by the BIOS, sends the text there to the first serial
; port, writes the text's capitals to the third sector, and ends the machine by the debug-exit port.
;
;   nasm -f bin -o disk.raw boot_sector.asm
bits 16
org 0x7c00

text equ 0x8000

start:
  xor ax, ax
  mov ds, ax
  mov es, ax
  mov ss, ax
  mov sp, 0x7c00
  mov bx, text
  mov ax, 0x0201          ; read one sector
  mov cx, 0x0002          ; cylinder 0, sector 2
  mov dh, 0               ; head 0; dl: the disk that was booted
  int 0x13
  jc fail
  mov si, text
next:
  lodsb
  test al, al
  jz written
  mov ah, al
wait_for_room:
  mov dx, 0x3fd           ; line status: bit 5, room to send
  in al, dx
  test al, 0x20
  jz wait_for_room
  mov al, ah
  mov dx, 0x3f8
  out dx, al
  cmp ah, 'a'
  jb next
  cmp ah, 'z'
  ja next
  sub byte [si - 1], 0x20
  jmp next
written:
  mov dl, 0x80
  mov bx, text
  mov ax, 0x0301          ; write one sector
  mov cx, 0x0003
  mov dh, 0
  int 0x13
  jc fail
  mov al, 0x10            ; exit status 33
  jmp exit
fail:
  mov al, 0x7f
exit:
  out 0xf4, al
  cli
  hlt

times 510 - ($ - $$) db 0
dw 0xaa55

db "booted from a network block device", 10, 0
times 1024 - ($ - $$) db 0
times 512 db 0
times 1048576 - ($ - $$) db 0
