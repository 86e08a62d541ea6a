#include "isa/vm/convert.hpp"

namespace orrery::isa::vm {

void apply(const Snapshot& snapshot, x86::CpuState& state) {
  state.gpr = snapshot.gpr;
  state.rip = snapshot.rip;
  state.rflags = snapshot.rflags;
  const FxImage& fx = snapshot.fx;
  state.x87.control = fx.control;
  state.x87.status = fx.status;
  state.x87.valid = fx.valid;
  for (unsigned i = 0; i < 8; ++i) {
    state.x87.registers[(fx.top() + i) & 7] = {fx.st[i].significand, fx.st[i].sign_exponent};
  }
  state.mxcsr = fx.mxcsr;
  for (unsigned i = 0; i < 16; ++i) {
    state.vectors[i][0] = fx.xmm[i][0];
    state.vectors[i][1] = fx.xmm[i][1];
    state.vectors[i][2] = snapshot.upper[i][0];
    state.vectors[i][3] = snapshot.upper[i][1];
  }
}

Snapshot snapshot_of(const x86::CpuState& state) {
  Snapshot snapshot;
  snapshot.gpr = state.gpr;
  snapshot.rip = state.rip;
  snapshot.rflags = state.rflags;
  FxImage& fx = snapshot.fx;
  fx.control = state.x87.control;
  fx.status = state.x87.status;
  fx.valid = state.x87.valid;
  fx.opcode = state.x87.last_opcode;
  fx.instruction_pointer = state.x87.last_instruction;
  fx.operand_pointer = state.x87.last_operand;
  for (unsigned i = 0; i < 8; ++i) {
    const x86::Float80& value = state.x87.registers[(fx.top() + i) & 7];
    fx.st[i] = {.significand = value.significand, .sign_exponent = value.sign_exponent};
  }
  fx.mxcsr = state.mxcsr;
  for (unsigned i = 0; i < 16; ++i) {
    fx.xmm[i] = {state.vectors[i][0], state.vectors[i][1]};
    snapshot.upper[i] = {state.vectors[i][2], state.vectors[i][3]};
  }
  return snapshot;
}

}  // namespace orrery::isa::vm
