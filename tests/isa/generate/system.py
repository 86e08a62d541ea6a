"""System instructions as ring 3 sees them, and those of ring 0 that need no more than one instruction. Whole
sequences of ring 0 are written by hand, in forms/system."""
from generate.form import OPERAND, Form, base_case, fault_cases

FOLDER = "system"
LANDING = "mov al, 1\njmp short .end\n.taken:\nmov al, 2\n.end:"


def one(name, code, cases=("",), modes="64 32", undefined="", host=True):
    title = name.upper().replace("_", " ", 1).replace("_", ", ")
    return Form(FOLDER, name, title, code, list(cases), modes, undefined, host)


def refused_forms():
    """What ring 3 may not do."""
    for name in ("cli", "sti", "hlt", "clts", "invd", "wbinvd", "rdmsr", "wrmsr", "rdpmc"):
        yield one(f"{name}_user", name)
    for name, code, modes in (("in_al_imm8", "in al, 0x80", "64 32"), ("in_eax_dx", "in eax, dx", "64 32"),
                              ("out_imm8_al", "out 0x80, al", "64 32"), ("out_dx_ax", "out dx, ax", "64 32"),
                              ("invlpg", "invlpg [ebx]", "64 32"), ("invpcid", "invpcid rdx, [rbx]", "64"),
                              ("lgdt", "lgdt [ebx]", "64 32"), ("lidt", "lidt [ebx]", "64 32"), ("lldt", "lldt dx", "64 32"),
                              ("ltr", "ltr dx", "64 32"), ("lmsw", "lmsw dx", "64 32"), ("swapgs", "swapgs", "64"),
                              ("sysret", "o64 sysret", "64"), ("sysexit", "o64 sysexit", "64"), ("xsetbv", "xsetbv", "64 32"),
                              ("clac", "clac", "64 32"), ("stac", "stac", "64 32"), ("mov_cr0_r", "mov cr0, rax", "64"),
                              ("mov_r_cr3", "mov rax, cr3", "64"), ("mov_r_dr7", "mov rax, dr7", "64"), ("mov_dr0_r", "mov dr0, rax", "64")):
        # Paravirtual hosts raise #UD for SYSEXIT.
        yield one(f"{name}_user", code, [base_case("rcx=0 rdx=0 rax=0x3")], modes, host=name != "sysexit")


def trap_forms():
    yield one("int3", "int3")
    yield one("int1", "db 0xf1", host=False)  # the host's own hypervisor gives the instruction's address
    yield one("into", "into", ["", "flags=of"], "32")
    yield one("int_n", "int 0x21", [""], host=False)


def information_forms():
    yield one("cpuid", "cpuid\nand edx, 1", ["rax=0x1 rcx=0"], undefined="rax rbx rcx af")
    later = "mov esi, eax\nmov edi, edx\n{0}\nsub eax, esi\nsbb edx, edi\nsetc al\nmovzx eax, al"
    yield one("rdtsc", "rdtsc\n" + later.format("rdtsc"), undefined="rdx rsi rdi cf pf af zf sf of")
    yield one("rdtscp", "rdtscp\n" + later.format("rdtscp"), undefined="rcx rdx rsi rdi cf pf af zf sf of")
    yield one("xgetbv", "xgetbv\nand eax, 3", ["rcx=0", "rcx=0x7"], host=False)
    yield one("sgdt", "sgdt [ebx]", [base_case()], "64", host=False)
    yield one("sidt", "sidt [ebx]", [base_case()], "64", host=False)
    yield one("sldt", "sldt edx", [""], host=False)
    yield one("str", "str edx", [""], host=False)
    yield one("smsw", "smsw edx", [""], host=False)
    selectors = ("0x2b", "0x33", "0x23", "0x10", "0x38", "0x0", "0x50", "0x7")
    for name in ("lar", "lsl"):
        yield one(name, f"{name} edx, ecx", [f"rcx={selector}" for selector in selectors], host=False)
    for name in ("verr", "verw"):
        yield one(name, f"{name} cx", [f"rcx={selector}" for selector in selectors], host=False)
    yield one("arpl_r16_r16", "arpl dx, cx", ["rdx=0x10 rcx=0x3", "rdx=0x13 rcx=0x1", "rdx=0x11 rcx=0x2"], "32")
    yield one("arpl_m16_r16", "arpl [ebx], cx", [base_case("rcx=0x3"), base_case("rcx=0x0")], "32")


def segment_forms():
    for name in ("ds", "es"):
        yield one(f"mov_{name}_r16", f"mov {name}, dx\nmov ecx, {name}", ["rdx=0x2b", "rdx=0", "rdx=0x33"])
        yield one(f"mov_{name}_fault", f"mov {name}, dx", ["rdx=0xfff8", "rdx=0xff4"])
        yield one(f"pop_{name}", f"push edx\npop {name}\nmov ecx, {name}", ["rdx=0x2b", "rdx=0"], "32", "[stack-4:4]")
    yield one("mov_ss_r16", "mov ss, dx", ["rdx=0x2b", "rdx=0", "rdx=0x33"], "32")
    yield one("mov_cs_r16", "db 0x8e, 0xca")
    yield one("mov_r_sreg", "mov edx, ss\nmov cx, ss\nmov [ebx], ss", [base_case()])
    far = "[data+100]=88776655{0}"
    for name, modes, host in (("les", "32", True), ("lds", "32", True), ("lss", "64 32", True), ("lfs", "64 32", False), ("lgs", "64 32", False)):
        yield one(f"{name}_r32_m16_32", f"{name} edx, [ebx]", [base_case(far.format("2b00"))] + fault_cases(False), modes, host=host)
        yield one(f"{name}_r16_m16_16", f"{name} dx, [ebx]", [base_case("[data+100]=88772b00")], modes, host=host)
        yield one(f"{name}_r32_fault", f"{name} edx, [ebx]", [base_case(far.format("f8ff"))], modes)
    yield one("lss_null", "lss edx, [ebx]", [base_case(far.format("0000"))], "32")


def base_forms():
    for register in ("fs", "gs"):
        for bits, rax, rcx, rdx in ((64, "rax", "rcx", "rdx"), (32, "eax", "ecx", "edx")):
            code = f"rd{register}base rax\nwr{register}base {rdx}\nrd{register}base {rcx}\nwr{register}base rax"
            yield one(f"wr{register}base_r{bits}", code, ["rdx=0x12345678"], "64", "rax", host=register == "gs")
        yield one(f"wr{register}base_fault", f"wr{register}base rdx", ["rdx=0x8000000000000000"], "64")


def return_forms():
    frame = "[stack-28:28]"
    yield one("iretq", "mov rcx, rsp\npush 0x2b\npush rcx\npushfq\npush 0x33\nlea rdx, [rel .taken]\npush rdx\niretq\n" + LANDING,
              ["flags=cf|of"], "64", f"{frame} rdx")
    yield one("iretd", "pushfd\npush dword 0x23\npush dword .taken\niretd\n" + LANDING, ["flags=cf|of"], "32", "[stack-c:c]")
    for name, modes in (("iretq", "64"), ("iretd", "32"), ("iretw", "64 32")):
        yield one(f"{name}_fault", name, ["[stack+0]=00000000000000000000000000000000"], modes)


def far_forms():
    yield one("jmp_far_imm", f"jmp 0x23:.taken\n{LANDING}", modes="32")
    yield one("jmp_far_imm_fault", f"jmp 0xfff8:0\n{LANDING}", modes="32")
    yield one("jmp_far_m", f"mov dword [ebx], .taken\nmov word [ebx + 4], 0x23\njmp far dword [ebx]\n{LANDING}", [base_case()], "32", "[data+100:4]")
    yield one("jmp_far_m64", f"lea rdx, [rel .taken]\nmov [rbx], edx\nmov word [rbx + 4], 0x33\njmp far dword [rbx]\n{LANDING}", [base_case()], "64", "[data+100:4] rdx")
    yield one("call_far_imm", f"call 0x23:.taken\n.back:\nmov al, 1\njmp short .end\n.taken:\npop edx\nsub edx, .back\npop ecx\n.end:", modes="32", undefined="[stack-8:8]")
    yield one("retf", "push dword 0x23\npush dword .taken\nretf\n" + LANDING, modes="32", undefined="[stack-8:8]")
    yield one("retf_imm16", "push dword 0x23\npush dword .taken\nretf 8\n" + LANDING, modes="32", undefined="[stack-8:8]")
    yield one("retfq", "push 0x33\nlea rdx, [rel .taken]\npush rdx\no64 retf\n" + LANDING, modes="64", undefined="[stack-10:10] rdx")
    yield one("retf_fault", "retf", ["[stack+0]=0000000000000000"])


def state_forms():
    """XSAVE and kin with the components that every processor has."""
    pointers = "[data+106:12] [data+11c:4] [data+12a:6] [data+13a:6] [data+2a0:60]"
    used = base_case("st0=0x3fff8000000000000000 rax=0x3 rdx=0 [data+300]=00000000000000000000000000000000 [data+310]=0000000000000000")
    for name in ("xsave", "xsaveopt", "xsavec"):
        for wide in ("", "64"):
            yield one(f"{name}{wide}", f"{name}{wide} [ebx]", [used, used.replace("rax=0x3", "rax=0x2"), f"rbx={OPERAND + 8:#x} rax=0x3 rdx=0"], "64",
                      pointers, host=name == "xsave")
    header = "[data+100]=7f0300280f0000000000000000000000 [data+110]=0000000000000000801f0000ffff0000 [data+120]=0000000000000080ff3f000000000000 " \
             "[data+1a0]=00112233445566778899aabbccddeeff [data+300]={0} [data+310]=" + "00" * 48
    for wide in ("", "64"):
        yield one(f"xrstor{wide}", f"xrstor{wide} [ebx]",
                  [base_case(f"rax=0x3 rdx=0 st0=0x40008000000000000000 " + header.format(bits)) for bits in
                   ("03000000000000000000000000000000", "01000000000000000000000000000000", "00000000000000000000000000000000")] +
                  [base_case("rax=0x2 rdx=0 " + header.format("03000000000000000000000000000000")),
                   base_case("rax=0x3 rdx=0 " + header.format("03000000000000000300000000000000")), f"rbx={OPERAND + 8:#x} rax=0x3 rdx=0"], "64")


def supervisor_forms():
    """Ring 0; the host can not show these."""
    def zero(name, code, cases=("",), undefined=""):
        return one(name, code, cases, "ring0", undefined, host=False)

    yield zero("in_out", "out 0x80, al\nin al, 0x80\nin ax, dx\nin eax, dx\nout dx, eax", ["rdx=0x80 rax=0"])
    yield zero("cli_sti", "cli\npushfq\npop rax\nsti\npushfq\npop rcx\nand eax, 0x200\nand ecx, 0x200", undefined="[stack-8:8]")
    yield zero("clts", "mov rax, cr0\nor eax, 8\nmov cr0, rax\nclts\nmov rdx, cr0\nand edx, 8", undefined="rax")
    yield zero("lmsw", "smsw eax\nor eax, 8\nlmsw ax\nsmsw edx\nand edx, 0xf\nclts", undefined="rax")
    yield zero("cache", "invd\nwbinvd\ninvlpg [rbx]", [base_case()])
    yield zero("invpcid", "invpcid rdx, [rbx]", [base_case("rdx=0x2 [data+100]=" + "00" * 16), base_case("rdx=0x4")])
    yield zero("descriptor_tables", "sgdt [rbx]\nlgdt [rbx]\nsidt [rbx + 0x10]\nlidt [rbx + 0x10]", [base_case()])
    yield zero("lldt", "lldt dx\nsldt eax", ["rdx=0", "rdx=0x10", "rdx=0x50"])
    yield zero("ltr", "and byte [0x703d], 0xfd\nltr dx\nstr eax", ["rdx=0x38", "rdx=0x10", "rdx=0"])
    yield zero("ltr_busy", "ltr dx", ["rdx=0x38"])
    yield zero("rdmsr_efer", "rdmsr", ["rcx=0xc0000080", "rcx=0x40000fff"])
    yield zero("wrmsr_lstar", "wrmsr\nrdmsr", ["rcx=0xc0000082 rax=0x12345678 rdx=0x7fff", "rcx=0xc0000082 rax=0 rdx=0x80000000"])
    yield zero("swapgs", "mov ecx, 0xc0000102\nmov eax, 0x1234\nxor edx, edx\nwrmsr\nswapgs\nrdgsbase rsi\nrdmsr")
    yield zero("stac_clac", "stac\npushfq\npop rax\nclac\npushfq\npop rcx\nand eax, 0x40000\nand ecx, 0x40000", undefined="[stack-8:8]")
    yield zero("xsetbv", "xsetbv\nxgetbv", ["rcx=0 rax=0x3 rdx=0", "rcx=0 rax=0x2 rdx=0", "rcx=0x1 rax=0x3 rdx=0"])
    yield zero("int_n_supervisor", "int 0x21")
    yield zero("debug_registers", "mov dr0, rdx\nmov rax, dr0\nmov rcx, dr6\nmov rsi, dr7", ["rdx=0x1234"])
    yield zero("control_registers", "mov rax, cr0\nmov rcx, cr3\nmov rdx, cr4\nmov rsi, cr8\nmov cr2, rbx\nmov rdi, cr2", ["rbx=0x1234"])
    yield zero("control_register_faults", "mov cr4, rdx", ["rdx=0xffffffff", "rdx=0x0"])
    yield zero("syscall_sysret", """mov ecx, 0xc0000081
xor eax, eax
mov edx, 0x00200010
wrmsr
mov ecx, 0xc0000082
lea rax, [rel .entry]
xor edx, edx
wrmsr
mov ecx, 0xc0000084
mov eax, 0x200
wrmsr
lea rcx, [rel .user]
mov r11d, 0x203
o64 sysret
.user:
mov r8d, cs
mov r9d, ss
syscall
.entry:
mov r10d, cs
mov r12d, ss
mov r13, r11
mov r11, rcx
lea rcx, [rel .entry]
sub r11, rcx""", [""], "rax rcx rdx")
    yield zero("sysenter_sysexit", """mov ecx, 0x174
mov eax, 0x10
xor edx, edx
wrmsr
mov ecx, 0x175
mov rax, rsp
wrmsr
mov ecx, 0x176
lea rax, [rel .entry]
wrmsr
lea rdx, [rel .user]
mov rcx, rsp
o64 sysexit
.user:
mov r8d, cs
mov r9d, ss
sysenter
.entry:
mov r10d, cs
mov r12d, ss""", [""], "rax rdx")


def forms():
    for family in (refused_forms, trap_forms, information_forms, segment_forms, base_forms, return_forms, far_forms, state_forms,
                   supervisor_forms):
        yield from family()
