;! expect: 1 a b a b c d 2 11 22 11 22 11 22 3 44 4 55 66 5 77 6 88
; Two address spaces that differ in a page of data, a page of code and a large page, entered in turn, so that translated
; code and remembered translations meet the other one; global pages stay; INVLPG drops a page of any size.
%macro extra_descriptors_64 0
%endmacro
%include "long.inc"
; Tables: 10000h and 20000h are the two roots. Linear 0 to 2 MiB: identity by a table of pages, global in both.
; 400000h: a page of data, 401000h: a page of code, 600000h: a large page, 800000h: a global page.
%macro PUT 2
    mov rax, %2
    mov [%1], rax
%endmacro
%macro SPACE 1
    mov rax, %1
    mov cr3, rax
%endmacro
main64:
    LOG64 1
    mov rax, cr4
    or eax, 0x80               ; PGE
    mov cr4, rax
    ; Tables of the second space; the two share the first 2 MiB.
    PUT 0x20000, 0x21007
    PUT 0x21000, 0x22007
    mov edi, 0x13000
    mov eax, 0x107             ; present, writable, user, global
    mov ecx, 512
.table:
    mov [rdi], rax
    add edi, 8
    add eax, 0x1000
    dec ecx
    jnz .table
    PUT 0x12000, 0x13007
    PUT 0x22000, 0x13007
    PUT 0x12010, 0x14007       ; 400000h on
    PUT 0x22010, 0x24007
    PUT 0x14000, 0x100007
    PUT 0x24000, 0x102007
    PUT 0x14008, 0x101007
    PUT 0x24008, 0x103007
    PUT 0x12020, 0x14007       ; 800000h on: the same pages, of which one becomes global
    PUT 0x22020, 0x14007
    PUT 0x14010, 0x104107
    SPACE 0x10000
    ; Contents, by the identity map.
    PUT 0x100000, 0xa
    PUT 0x102000, 0xb
    PUT 0x101000, 0xc300000011b8  ; mov eax, 11h; ret
    PUT 0x103000, 0xc300000022b8
    PUT 0x104000, 0xc
    PUT 0x105000, 0xd
    mov ebx, 2
.data:
    SPACE 0x10000
    mov eax, [0x400000]
    out LOG_PORT, eax
    SPACE 0x20000
    mov eax, [0x400000]
    out LOG_PORT, eax
    dec ebx
    jnz .data
    ; A global page, then another in its place after INVLPG.
    mov eax, [0x802000]
    out LOG_PORT, eax
    SPACE 0x10000
    cmp dword [0x802000], 0xc
    jne bad
    PUT 0x14010, 0x105107
    invlpg [0x802000]
    mov eax, [0x802000]
    out LOG_PORT, eax
    SPACE 0x20000
    cmp dword [0x802000], 0xd
    jne bad
    LOG64 2
    ; Code at one address, by turns.
    mov ebx, 3
    mov edi, 0x401000
.code:
    SPACE 0x10000
    call rdi
    out LOG_PORT, eax
    SPACE 0x20000
    call rdi
    out LOG_PORT, eax
    dec ebx
    jnz .code
    LOG64 3
    ; Another page of code in its place.
    PUT 0x106000, 0xc300000044b8
    PUT 0x24008, 0x106007
    invlpg [0x401000]
    call rdi
    out LOG_PORT, eax
    LOG64 4
    ; A large page: INVLPG anywhere within drops all that is remembered of it.
    PUT 0x22018, 0x87          ; 600000h to 0
    PUT 0x107000, 0x55
    PUT 0x25838, 0x108007
    mov ecx, 3
.large:
    mov eax, [0x707000]
    dec ecx
    jnz .large
    out LOG_PORT, eax
    PUT 0x108000, 0x66
    PUT 0x22018, 0x25007       ; pages now
    invlpg [0x600000]
    mov eax, [0x707000]
    out LOG_PORT, eax
    LOG64 5
    ; Page tables that change themselves: an entry is written through the page that it maps.
    PUT 0x24030, 0x24007       ; 406000h: the table itself
    invlpg [0x406000]
    PUT 0x109000, 0x77
    PUT 0x406038, 0x109007     ; 407000h
    mov eax, [0x407000]
    out LOG_PORT, eax
    LOG64 6
    PUT 0x10a000, 0x88
    PUT 0x406038, 0x10a007
    invlpg [0x407000]
    mov eax, [0x407000]
    out LOG_PORT, eax
    hlt
bad:
    LOG64 0xbad
    ud2
