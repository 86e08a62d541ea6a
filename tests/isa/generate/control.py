"""Near transfers, and what depends on conditions (SDM vol. 2)."""
from generate.form import DESTINATION, SOURCE, WIDE, Form, base_case, fault_cases, memory, modes_for

CONDITIONS = ("o", "no", "b", "nb", "z", "nz", "be", "nbe", "s", "ns", "p", "np", "l", "nl", "le", "nle")
FLAGS = ("-", "cf", "pf", "zf", "sf", "of", "sf|of", "cf|zf", "zf|sf|of")
LANDING = "mov al, 1\njmp short .end\n.taken:\nmov al, 2\n.end:"


def condition_forms():
    flags = [f"flags={value}" for value in FLAGS]
    for condition in CONDITIONS:
        upper = condition.upper()
        yield Form("control", f"set{condition}_r8", f"SET{upper} r8", f"set{condition} dl", flags)
        yield Form("control", f"set{condition}_m8", f"SET{upper} m8", f"set{condition} byte [ebx]",
                   [base_case("flags=-"), base_case("flags=cf|pf|zf")] + fault_cases(True))
        for bits in WIDE:
            yield Form("control", f"cmov{condition}_r{bits}_r{bits}", f"CMOV{upper} r{bits}, r{bits}",
                       f"cmov{condition} {DESTINATION[bits]}, {SOURCE[bits]}", flags, modes_for(bits))
            yield Form("control", f"cmov{condition}_r{bits}_m{bits}", f"CMOV{upper} r{bits}, m{bits}",
                       f"cmov{condition} {DESTINATION[bits]}, {memory(bits)}",
                       [base_case("flags=-"), base_case("flags=cf|pf|zf")] + fault_cases(False), modes_for(bits))
        yield Form("control", f"j{condition}_rel8", f"J{upper} rel8", f"j{condition} short .taken\n{LANDING}", flags)
        yield Form("control", f"j{condition}_rel32", f"J{upper} rel32", f"j{condition} near .taken\n{LANDING}", flags)


def transfer_forms():
    def one(name, code, cases=("",), modes="64 32", undefined=""):
        title = name.upper().replace("_", " ", 1).replace("_", ", ")
        return Form("control", name, title, code, list(cases), modes, undefined)

    # Where code lies changes as tests are added: what holds an address of it is compared by the code itself.
    stack = {"64": "[stack-8:8]", "32": "[stack-4:4]"}
    stored = "[data+100:8]"
    yield one("jmp_rel8", f"jmp short .taken\n{LANDING}")
    yield one("jmp_rel32", f"jmp near .taken\n{LANDING}")
    for mode in ("64", "32"):
        rdx, rbx, size = ("rdx", "rbx", "qword") if mode == "64" else ("edx", "ebx", "dword")
        address = "lea rdx, [rel .taken]" if mode == "64" else "mov edx, .taken"
        back = "lea rcx, [rel .back]\nsub rdx, rcx" if mode == "64" else "sub edx, .back"
        called = f".back:\nmov al, 1\njmp short .end\n.taken:\nmov al, 2\npop {rdx}\n{back}\n.end:"
        changed = stack[mode] + (" rcx" if mode == "64" else "")
        no_room = ["rsp=0x20000000", "rsp=0x20002100"]
        yield one(f"jmp_r{mode}", f"{address}\njmp {rdx}\n{LANDING}", modes=mode, undefined="rdx")
        yield one(f"jmp_m{mode}", f"{address}\nmov [{rbx}], {rdx}\njmp {size} [{rbx}]\n{LANDING}", [base_case()], mode,
                  f"rdx {stored}")
        yield one(f"jmp_m{mode}_fault", f"jmp {size} [{rbx}]\n{LANDING}", fault_cases(False), mode)
        yield one(f"call_rel32_{mode}", f"call .taken\n{called}", modes=mode, undefined=changed)
        yield one(f"call_rel32_{mode}_fault", f"call .taken\n{LANDING}", no_room, mode)
        yield one(f"call_r{mode}", f"{address}\ncall {rdx}\n{called}", modes=mode, undefined=changed)
        yield one(f"call_m{mode}", f"{address}\nmov [{rbx}], {rdx}\ncall {size} [{rbx}]\n{called}", [base_case()], mode,
                  f"{changed} {stored}")
        yield one(f"ret_{mode}", f"{address}\npush {rdx}\nret\n{LANDING}", modes=mode, undefined=f"rdx {stack[mode]}")
        yield one(f"ret_imm16_{mode}", f"{address}\npush {rdx}\nret 0x18\n{LANDING}", modes=mode,
                  undefined=f"rdx {stack[mode]}")
        yield one(f"ret_{mode}_fault", "ret", ["rsp=0x1ffffff8", "rsp=0x20002ffe"], mode)
    yield one("jmp_non_canonical", f"jmp rdx\n{LANDING}", ["rdx=0x8000000000000000"], "64")
    yield one("call_non_canonical", f"call rdx\n{LANDING}", ["rdx=0x8000000000000000"], "64", "[stack-8:8]")
    yield one("ret_non_canonical", "ret", ["[stack+0]=0000000000000080"], "64")
    counts = [f"rcx={count:#x} flags={flags}" for count in (0, 1, 2) for flags in ("-", "zf")]
    for mnemonic in ("loop", "loope", "loopne"):
        yield one(f"{mnemonic}_rel8", f"{mnemonic} .taken\n{LANDING}", counts + ["rcx=0x100000001"], "64")
        yield one(f"{mnemonic}_rel8_32", f"{mnemonic} .taken\n{LANDING}", counts, "32")
        yield one(f"{mnemonic}_rel8_a32", f"a32 {mnemonic} .taken\n{LANDING}", counts + ["rcx=0x100000001"], "64")
    yield one("jrcxz_rel8", f"jrcxz .taken\n{LANDING}", ["rcx=0", "rcx=0x100000000", "rcx=1"], "64")
    yield one("jecxz_rel8", f"jecxz .taken\n{LANDING}", ["rcx=0", "rcx=0x100000000", "rcx=1"])
    yield one("jcxz_rel8", f"jcxz .taken\n{LANDING}", ["rcx=0", "rcx=0x10000", "rcx=1"], "32")


def forms():
    yield from condition_forms()
    yield from transfer_forms()
