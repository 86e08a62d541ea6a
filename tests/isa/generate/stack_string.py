"""PUSH, POP, ENTER and kin; string instructions with their prefixes (SDM vol. 2)."""
from generate.form import DESTINATION, SUFFIX, Form, base_case, fault_cases, memory

SOURCE_AT = 0x20000200
DESTINATION_AT = 0x20000300


def stack_forms():
    def one(name, code, cases=("",), modes="64 32", undefined=""):
        return Form("stack", name, name.upper().replace("_", " ", 1).replace("_", ", "), code, list(cases), modes, undefined)

    no_room = "rsp=0x20000000"
    empty = "rsp=0x20003000"
    for bits, modes in ((16, "64 32"), (32, "32"), (64, "64")):
        register = DESTINATION[bits]
        yield one(f"push_r{bits}", f"push {register}", ["", no_room], modes)
        yield one(f"pop_r{bits}", f"pop {register}", ["", empty], modes)
        yield one(f"push_m{bits}", f"push {memory(bits)}", [base_case(), base_case(no_room)] + fault_cases(False), modes)
        yield one(f"pop_m{bits}", f"pop {memory(bits)}", [base_case(), base_case(empty)] + fault_cases(True), modes)
        sp = {16: "sp", 32: "esp", 64: "rsp"}[bits]
        yield one(f"push_sp{bits}", f"push {sp}", modes=modes)
        yield one(f"pop_sp{bits}", f"pop {sp}", modes=modes)
        # The address of a popped memory operand counts from the new top.
        yield one(f"pop_m{bits}_at_sp", f"pop {memory(bits, 'esp')}", modes=modes)
        frame = [f"rbp=0x20000800 rsp=0x20000900", "rbp=0x20000800 rsp=0x20000000"]
        if bits != 16:
            prefix = ""
            yield one(f"enter_{bits}", f"{prefix}enter 0x20, 0", frame, modes)
            yield one(f"enter_{bits}_nested", f"{prefix}enter 0x10, 3", frame, modes)
            yield one(f"leave_{bits}", "leave", ["rbp=0x20000800", "rbp=0x1ffffff0"], modes)
        suffix = {16: "w", 32: "d", 64: "q"}[bits]
        yield one(f"pushf{suffix}", f"pushf{suffix}", ["flags=cf|zf|of|df", no_room], modes)
        yield one(f"popf{suffix}", f"popf{suffix}",
                  ["[stack+0]=d50c000000000000", "[stack+0]=0200000000000000 flags=cf|of|df", "[stack+0]=ff3e200000000000",
                   empty], modes)
    for mode in ("64", "32"):
        yield one(f"push_imm8_{mode}", "push byte -2", modes=mode)
        yield one(f"push_imm32_{mode}", "push strict dword 0x12345678", modes=mode)
    yield one("push_imm16", "push strict word 0x1234")
    for modes, names in (("64", ("fs", "gs")), ("32", ("es", "cs", "ss", "ds", "fs", "gs"))):
        for name in names:
            yield one(f"push_{name}_{modes}", f"push {name}", modes=modes)
    yield one("pusha", "pushaw", ["", no_room], "32")
    yield one("pushad", "pushad", ["", no_room], "32")
    yield one("popa", "popaw", modes="32")
    yield one("popad", "popad", modes="32")


def string_forms():
    def one(name, code, cases, modes):
        return Form("string", name, name.upper().replace("_", " "), code, cases, modes)

    places = f"rsi={SOURCE_AT:#x} rdi={DESTINATION_AT:#x}"
    for bits in (8, 16, 32, 64):
        letter = SUFFIX[bits]
        modes = "64" if bits == 64 else "64 32"
        element = bits // 8
        plain = [places, places + " flags=df", "rsi=0x1ffffff0 rdi=0x20000300", "rsi=0x20000200 rdi=0x20002010"]
        counted = [places + " rcx=0", places + " rcx=5", places + " rcx=3 flags=df",
                   f"rsi={0x20000200:#x} rdi={0x20002000 - 2 * element:#x} rcx=4",
                   f"rsi={0x20003000 - 3 * element:#x} rdi={DESTINATION_AT:#x} rcx=4",
                   f"rsi={SOURCE_AT:#x} rdi={SOURCE_AT + element:#x} rcx=6"]
        for mnemonic in ("movs", "stos", "lods", "scas", "cmps"):
            value = " rax=0x5" if mnemonic in ("stos", "scas") else ""
            name = mnemonic + letter
            yield one(name, name, [case + value for case in plain], modes)
            compares = mnemonic in ("scas", "cmps")
            for prefix in ("repe", "repne") if compares else ("rep",):
                cases = [case + value for case in counted]
                if mnemonic == "cmps":
                    cases += [f"rsi={SOURCE_AT:#x} rdi={SOURCE_AT + 0x100:#x} rcx=9"]  # equal bytes
                if mnemonic == "scas":
                    cases += [f"rdi={DESTINATION_AT:#x} rcx=20 rax=0x{'03020100'[-2 * element:] if element < 8 else '0706050403020100'}"]
                yield one(f"{prefix}_{name}", f"{prefix} {name}", cases, modes)
            yield one(f"{name}_a32", f"a32 {name}", [f"rsi=0x7000000020000200 rdi=0x7000000020000300{value}"], "64")
        if bits != 64:
            for mnemonic in ("ins", "outs"):
                yield one(mnemonic + letter, mnemonic + letter, [places + " rdx=0x80"], modes)
                yield one("rep_" + mnemonic + letter, "rep " + mnemonic + letter, [places + " rdx=0x80 rcx=0x2"], modes)


def forms():
    yield from stack_forms()
    yield from string_forms()
