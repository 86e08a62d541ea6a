"""The x87 unit (SDM vol. 1, chapter 8, and vol. 2)."""
from generate.form import OPERAND, Form, base_case, fault_cases

FOLDER = "x87"
# Double-extended values as they lie in a register.
VALUES = {
    "1": "0x3fff8000000000000000", "-2.5": "0xc000a000000000000000", "0": "0x0", "-0": "0x80000000000000000000",
    "inf": "0x7fff8000000000000000", "-inf": "0xffff8000000000000000", "qnan": "0x7fffc000000000123456",
    "snan": "0xffff8000000000000001", "denormal": "0x00000000000000000001", "third": "0x3ffdaaaaaaaaaaaaaaab",
    "max": "0x7ffeffffffffffffffff", "pi": "0x4000c90fdaa22168c235", "100": "0x4005c800000000000000",
    "unnormal": "0x3fff4000000000000000", "2^40": "0x40278000000000000000",
}
SINGLES = ("0000803f", "0000c0c0", "000080ff", "010080ff", "01000000")
DOUBLES = ("000000000000f03f", "00000000000008c0", "000000000000f0ff", "010000000000f0ff", "0100000000000000")
# 1.0 times 3, -7.75, the greatest: every rounding direction with inexact results.
ROUNDINGS = ("0x37f", "0x77f", "0xb7f", "0xf7f", "0x07f", "0x27f")


def one(name, code, cases, modes="64 32", undefined="c0 c2 c3"):
    return Form(FOLDER, name, name.upper().replace("_", " ", 1).replace("_", ", "), code, cases, modes, undefined)


def stack(*names):
    """ST(0), ST(1), ... by value."""
    return " ".join(f"st{i}={VALUES[name]}" for i, name in enumerate(names))


PAIRS = (("1", "-2.5"), ("third", "pi"), ("inf", "-inf"), ("qnan", "1"), ("snan", "1"), ("0", "-0"), ("denormal", "1"),
         ("max", "max"), ("unnormal", "1"), ("-inf", "0"))
UNDERFLOW = f"st0={VALUES['1']}"


def arithmetic_forms():
    for mnemonic in ("fadd", "fsub", "fsubr", "fmul", "fdiv", "fdivr"):
        both = [stack(*pair) for pair in PAIRS]
        rounded = [f"{stack('third', 'pi')} fcw={control}" for control in ROUNDINGS[1:]]
        unmasked = [f"{stack('1', '0')} fcw=0x37b", f"{stack('snan', '1')} fcw=0x37e", f"{stack('max', 'max')} fcw=0x377",
                    UNDERFLOW, f"{UNDERFLOW} fcw=0x37e", f"{stack('1', '1')} fcw=0x37e fsw=0x8081"]
        yield one(f"{mnemonic}_st0_st1", f"{mnemonic} st0, st1", both + rounded + unmasked)
        yield one(f"{mnemonic}_st1_st0", f"{mnemonic} st1, st0", both[:6])
        yield one(f"{mnemonic}p_st1", f"{mnemonic}p st1", both[:6] + [UNDERFLOW])
        yield one(f"{mnemonic}_m32", f"{mnemonic} dword [ebx]",
                  [base_case(f"{stack('pi')} [data+100]={value}") for value in SINGLES] + fault_cases(False))
        yield one(f"{mnemonic}_m64", f"{mnemonic} qword [ebx]",
                  [base_case(f"{stack('third')} [data+100]={value}") for value in DOUBLES] + fault_cases(False))
        integer = "fi" + mnemonic[1:]
        yield one(f"{integer}_m16", f"{integer} word [ebx]",
                  [base_case(f"{stack('pi')} [data+100]={value}") for value in ("0300", "00ff", "0000")] + fault_cases(False))
        yield one(f"{integer}_m32", f"{integer} dword [ebx]",
                  [base_case(f"{stack('third')} [data+100]={value}") for value in ("03000000", "000000ff")] + fault_cases(False))


def compare_forms():
    exact = ""
    for mnemonic in ("fcom", "fcomp", "fucom", "fucomp"):
        yield one(f"{mnemonic}_st1", f"{mnemonic} st1", [stack(*pair) for pair in PAIRS] + [UNDERFLOW], undefined=exact)
    for mnemonic in ("fcompp", "fucompp"):
        yield one(mnemonic, mnemonic, [stack(*pair) for pair in PAIRS] + [UNDERFLOW], undefined=exact)
    for mnemonic in ("fcom", "fcomp"):
        yield one(f"{mnemonic}_m32", f"{mnemonic} dword [ebx]",
                  [base_case(f"{stack('1')} [data+100]={value}") for value in SINGLES] + fault_cases(False), undefined=exact)
        yield one(f"{mnemonic}_m64", f"{mnemonic} qword [ebx]",
                  [base_case(f"{stack('1')} [data+100]={value}") for value in DOUBLES] + fault_cases(False), undefined=exact)
        integer = "fi" + mnemonic[1:]
        for bits, size in ((16, "word"), (32, "dword")):
            yield one(f"{integer}_m{bits}", f"{integer} {size} [ebx]",
                      [base_case(f"{stack('100')} [data+100]={value}") for value in ("64000000", "65000000", "00000000")] +
                      fault_cases(False), undefined=exact)
    for mnemonic in ("fcomi", "fcomip", "fucomi", "fucomip"):
        yield one(f"{mnemonic}_st1", f"{mnemonic} st0, st1", [stack(*pair) for pair in PAIRS] + [UNDERFLOW], undefined="c1")
    yield one("ftst", "ftst", [stack(name) for name in VALUES] + [""], undefined=exact)
    yield one("fxam", "fxam", [stack(name) for name in VALUES] + ["", f"{stack('-0')} ftw=0x0"], undefined=exact)
    for condition in ("b", "e", "be", "u", "nb", "ne", "nbe", "nu"):
        yield one(f"fcmov{condition}_st1", f"fcmov{condition} st0, st1",
                  [f"{stack('1', 'pi')} flags={flags}" for flags in ("-", "cf", "zf", "pf")] + [UNDERFLOW], undefined="c0 c1 c2 c3")


def function_forms():
    for name in ("fsqrt", "frndint", "fabs", "fchs", "fxtract"):
        yield one(name, name, [stack(value) for value in VALUES] + [""] +
                  [f"{stack('-2.5')} fcw={control}" for control in ROUNDINGS[1:4]])
    for name in ("fscale", "fprem", "fprem1"):
        cases = [stack(*pair) for pair in (("100", "pi"), ("-2.5", "third"), ("max", "pi"), ("1", "inf"), ("inf", "1"),
                                           ("1", "0"), ("qnan", "1"), ("pi", "-2.5"), ("denormal", "100"))] + [UNDERFLOW]
        yield one(name, name, cases, undefined="c0 c2 c3" if name == "fscale" else "")
    # Exact results only: the accuracy of others is the processor's own.
    yield one("f2xm1", "f2xm1", [stack(name) for name in ("0", "-0", "qnan", "snan")] + [""])
    yield one("fyl2x", "fyl2x", [stack("1", "pi"), stack("0", "1"), stack("qnan", "1"), stack("-2.5", "1"), UNDERFLOW])
    yield one("fyl2xp1", "fyl2xp1", [stack("0", "pi"), stack("qnan", "1"), UNDERFLOW])
    for name in ("fsin", "fcos", "fsincos", "fptan"):
        yield one(name, name, [stack(value) for value in ("0", "-0", "inf", "qnan", "snan")] + [""],
                  undefined="c0 c3" if name != "fptan" else "c0 c3 c1")
    yield one("fpatan", "fpatan", [stack("1", "0"), stack("1", "-0"), stack("qnan", "1"), UNDERFLOW])


def transfer_forms():
    full = " ".join(f"st{i}={VALUES['1']}" for i in range(8))
    for bits, size, values in ((32, "dword", SINGLES), (64, "qword", DOUBLES)):
        yield one(f"fld_m{bits}", f"fld {size} [ebx]",
                  [base_case(f"[data+100]={value}") for value in values] + [base_case(full)] + fault_cases(False))
    yield one("fld_m80", "fld tword [ebx]", [base_case("[data+100]=5634120000000080ff7f"), base_case(full)] + fault_cases(False))
    yield one("fld_st1", "fld st1", [stack("1", "pi"), "", full])
    for bits, size in ((16, "word"), (32, "dword"), (64, "qword")):
        yield one(f"fild_m{bits}", f"fild {size} [ebx]",
                  [base_case(f"[data+100]={value}") for value in ("0000000000000000", "feffffffffffffff", "0000000000000080")] +
                  [base_case(full)] + fault_cases(False))
        stored = [base_case(stack(name)) for name in ("-2.5", "100", "2^40", "qnan", "inf", "0", "third")]
        rounded = [base_case(f"{stack('-2.5')} fcw={control}") for control in ROUNDINGS[1:4]]
        unmasked = [base_case(f"{stack('max')} fcw=0x37e"), base_case()]
        for mnemonic in ("fist", "fistp", "fisttp"):
            if mnemonic == "fist" and bits == 64:
                continue
            yield one(f"{mnemonic}_m{bits}", f"{mnemonic} {size} [ebx]", stored + rounded + unmasked +
                      [case + " " + stack("1") for case in fault_cases(True)])
    for mnemonic in ("fst", "fstp"):
        for bits, size in ((32, "dword"), (64, "qword"), (80, "tword")):
            if mnemonic == "fst" and bits == 80:
                continue
            cases = [base_case(stack(name)) for name in VALUES] + [base_case(), base_case(f"{stack('max')} fcw=0x377")]
            yield one(f"{mnemonic}_m{bits}", f"{mnemonic} {size} [ebx]", cases + [case + " " + stack("1") for case in fault_cases(True)])
        yield one(f"{mnemonic}_st2", f"{mnemonic} st2", [stack("1", "pi"), ""])
    yield one("fbld_m80", "fbld [ebx]", [base_case("[data+100]=21436587092143658780"), base_case("[data+100]=00000000000000000000"),
                                         base_case(full)] + fault_cases(False))
    yield one("fbstp_m80", "fbstp [ebx]", [base_case(stack(name)) for name in ("100", "-2.5", "max", "qnan", "-0")] + [base_case()] +
              [case + " " + stack("1") for case in fault_cases(True)])
    yield one("fxch_st1", "fxch st1", [stack("1", "pi"), UNDERFLOW, ""])
    for name in ("fld1", "fldz", "fldpi", "fldl2e", "fldl2t", "fldlg2", "fldln2"):
        yield one(name, name, ["", full] + [f"fcw={control}" for control in ROUNDINGS[1:4]])


def control_forms():
    every = "c0 c1 c2 c3"
    yield one("fnop", "fnop", [""], undefined=every)
    yield one("fwait", "fwait", ["", "fcw=0x37e fsw=0x8081"], undefined="")
    for name in ("fincstp", "fdecstp"):
        yield one(name, name, [stack("1", "pi")], undefined="c0 c2 c3")
    yield one("ffree_st1", "ffree st1", [stack("1", "pi")], undefined=every)
    yield one("ffreep_st0", "db 0xdf, 0xc0", [stack("1", "pi")], undefined=every)
    yield one("fninit", "fninit", [stack("1", "pi") + " fcw=0x27e"], undefined="")
    yield one("fnclex", "fnclex", ["fsw=0x80ff fcw=0x340"], undefined=every)
    yield one("fdisi8087_nop", "db 0xdb, 0xe1", [""], undefined="")
    yield one("feni8087_nop", "db 0xdb, 0xe0", [""], undefined="")
    yield one("fsetpm287_nop", "db 0xdb, 0xe4", [""], undefined="")
    yield one("fnstsw_ax", "fnstsw ax", ["fsw=0x4321"], undefined="")
    yield one("fnstsw_m16", "fnstsw [ebx]", [base_case("fsw=0x4321")] + fault_cases(True), undefined="")
    yield one("fnstcw_m16", "fnstcw [ebx]", [base_case("fcw=0xc7f")] + fault_cases(True), undefined="")
    yield one("fldcw_m16", "fldcw [ebx]", [base_case("[data+100]=7f0c"), base_case("[data+100]=ffff"), base_case("[data+100]=0000 fsw=0x1")] +
              fault_cases(False), undefined="")
    # FIP, FDP and FOP depend on what came before.
    yield one("fnstenv_m", "fnstenv [ebx]", [base_case(stack("1", "pi"))], undefined="[data+10c:10]")
    yield one("fldenv_m", "fldenv [ebx]", [base_case("[data+100]=7f030000214300005555000000000000000000000000000000000000")] +
              fault_cases(False), undefined="")
    yield one("fnsave_m", "fnsave [ebx]", [base_case(stack("1", "pi"))], undefined="[data+10c:10]")
    image = "7f030000002800005555000000000000000000000000000000000000" + "000000000000008000400000000000000080ff3f"
    yield one("frstor_m", "frstor [ebx]", [base_case(f"[data+100]={image}")] + fault_cases(False), undefined="")
    yield one("fstpnce_st1", "db 0xd9, 0xd9", [stack("1", "pi")])
    for wide in ("", "64"):
        yield from state_forms(wide)


def state_forms(wide):
    """FXSAVE and FXRSTOR; the pointers' halves mean something else without REX.W, and are 0 here."""
    yield one(f"fxsave{wide}_m512", f"fxsave{wide} [ebx]", [base_case(stack("1", "pi")), f"rbx={OPERAND + 8:#x}"],
              undefined="[data+106:12] [data+11c:4] [data+12a:6] [data+13a:6] [data+2a0:60]", modes="64")
    yield one(f"fxrstor{wide}_m512", f"fxrstor{wide} [ebx]",
              [base_case("[data+100]=7f0300280f000000000000000000000000000000000000007f1f000000000000 "
                         "[data+120]=0000000000000080ff3f000000000000 [data+1a0]=00112233445566778899aabbccddeeff"),
               base_case("[data+118]=00000100"), f"rbx={OPERAND + 8:#x}"], undefined="", modes="64")


def forms():
    for family in (arithmetic_forms, compare_forms, function_forms, transfer_forms, control_forms):
        yield from family()
