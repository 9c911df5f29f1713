# SPDX-License-Identifier: Apache-2.0
# kvmlens. `make help` lists the targets; V=1 shows the commands.
MAKEFLAGS += --no-builtin-rules --no-print-directory
.DELETE_ON_ERROR:
.SUFFIXES:
.SECONDARY:
.DEFAULT_GOAL := all

VERSION   := 0.1.0
# Of the manual pages.
DATE      := 2026-11-30
SOVERSION := 0

# B is where everything is built; BPF_B is shared by builds that differ in user-space flags only.
B       := build
BPF_B   := $(B)
PREFIX  ?= /usr/local
SBINDIR ?= $(PREFIX)/sbin
LIBDIR  ?= $(PREFIX)/lib
INCDIR  ?= $(PREFIX)/include
MANDIR  ?= $(PREFIX)/share/man
DOCDIR  ?= $(PREFIX)/share/doc/kvmlens
UNITDIR ?= $(PREFIX)/lib/systemd/system
CC      := $(if $(filter default,$(origin CC)),gcc,$(CC))
CLANG   ?= clang
BPFTOOL ?= $(shell command -v bpftool || echo /usr/sbin/bpftool)
# Another vmlinux.h, for instance a whole generated one.
VMLINUX_H ?= vmlinux/vmlinux.h

ifeq ($(V),1)
Q :=
say = @:
else
Q := @
say = $(if $(findstring s,$(firstword -$(MAKEFLAGS))),@:,@printf '  %-8s %s\n')
endif

# Flags. What asks pkg-config is expanded when a rule needs it, so that `make setup` works where
# nothing is installed yet.
LIB_PKGS := libbpf libvirt libvirt-qemu libxml-2.0 glib-2.0 jansson libcyaml yaml-0.1 libcap-ng libseccomp libmnl
PKGS     := $(LIB_PKGS) libmicrohttpd gnutls libcrypt ncursesw sqlite3 libcurl gsl libzstd
CFLAGS   ?= -O2 -g
WERROR   ?= -Werror
pkg_once = $(eval $1 := $(shell pkg-config $2))$($1)
PKG_CFLAGS = $(call pkg_once,PKG_CFLAGS,--cflags $(PKGS))
PKG_LIBS   = $(call pkg_once,PKG_LIBS,--libs $(PKGS))
LIB_PKG_LIBS = $(call pkg_once,LIB_PKG_LIBS,--libs $(LIB_PKGS))

ARCH := $(shell uname -m | sed 's/x86_64/x86/;s/aarch64/arm64/')
BPF_CFLAGS := -g -O2 -mcpu=v3 -target bpf -D__TARGET_ARCH_$(ARCH) -Iinclude \
              -I/usr/include/$(shell uname -m)-linux-gnu \
              -I$(dir $(VMLINUX_H)) -Ibpf -Wall -Wextra -Werror -Wno-unused-parameter -MMD -MP
WARN     := -Wall -Wextra -Wno-unused-parameter -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla \
            -Wformat=2 -Wpointer-arith -Wundef
# Hardened by default. Sanitizers bring their own checks, and _FORTIFY_SOURCE needs an optimizer.
HARDEN_ARCH := $(if $(filter x86,$(ARCH)),-fcf-protection=full)$(if $(filter arm64,$(ARCH)),-mbranch-protection=standard)
HARDEN_CFLAGS = $(if $(findstring -fsanitize,$(CFLAGS)),,-fstack-protector-strong -fstack-clash-protection $(HARDEN_ARCH) \
                $(if $(findstring -O0,$(CFLAGS)),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2))
HARDEN_LDFLAGS := -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack
K_CFLAGS = -std=gnu11 $(WARN) $(WERROR) $(HARDEN_CFLAGS) -fPIC -fvisibility=default -pthread \
           -D_GNU_SOURCE -DKVMLENS_VERSION=\"$(VERSION)\" -DKVMLENS_DATE=\"$(DATE)\" -Iinclude -Iuser -I$(BPF_B)/skel $(PKG_CFLAGS) \
           -MMD -MP
LIB_LIBS = $(LIB_PKG_LIBS) -lelf -lz -lm -pthread
LIBS = $(PKG_LIBS) -lelf -lz -lm -pthread

# The library is the collector and what it stands on; the agent adds what sees snapshots alone.
LIB_DIRS := util child metric config vm guest probe core
BPF_SRC  := $(wildcard bpf/*.bpf.c)
SKEL     := $(BPF_SRC:bpf/%.bpf.c=$(BPF_B)/skel/%.skel.h)
LIB_SRC  := $(wildcard $(LIB_DIRS:%=user/%/*.c))
APP_SRC  := $(filter-out $(LIB_SRC) user/main.c,$(wildcard user/*.c user/*/*.c))
LIB_OBJ  := $(LIB_SRC:%.c=$(B)/%.o)
APP_OBJ  := $(APP_SRC:%.c=$(B)/%.o)
SONAME   := libkvmlens.so.$(SOVERSION)

# Tests: a file of tests/TIER with a main() is a program, the others make up an archive that every
# such program is linked with; test_* are the tests. A BPF program of a test, tests/TIER/x.bpf.c, becomes an object and
# a skeleton, "TIER/x.skel.h".
TIERS       := unit bpf vm e2e bench
TEST_SRC    := $(filter-out %.bpf.c,$(wildcard $(TIERS:%=tests/%/*.c)))
TEST_BPF    := $(wildcard $(TIERS:%=tests/%/*.bpf.c))
TEST_SKEL   := $(TEST_BPF:%.bpf.c=$(BPF_B)/%.skel.h)
TEST_MAIN   := $(if $(TEST_SRC),$(shell grep -lE '^int main\b' $(TEST_SRC)))
TEST_PROG   := $(TEST_MAIN:%.c=$(B)/%)
TEST_PART   := $(patsubst %.c,$(B)/%.o,$(filter-out $(TEST_MAIN),$(TEST_SRC)))
UNIT        := $(filter $(B)/tests/unit/%,$(TEST_PROG))
FUZZ        := $(patsubst %.c,$(B)/%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_SECONDS ?= 60

.PHONY: all setup run demo check check-quick check-unit check-bpf check-vm check-e2e check-built asan tsan tsan-programs fuzz bench lint \
        docs format install uninstall clean help tests unit-programs fuzz-programs tools \
        FORCE

all: $(B)/kvmlens $(B)/libkvmlens.a $(B)/$(SONAME) ## Build the agent and the library

# --- Set-up, running --------------------------------------------------------------------------------
setup: ## Install the Debian packages that building and running need
	$(Q)scripts/setup.sh build run

# On every CPU, unless -j was given.
MAKE_ALL_CPUS = $(MAKE) $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(shell nproc))

run: setup ## Set up, build, and start the agent on this host: sudo make run
	+$(Q)$(MAKE_ALL_CPUS) all
	$(Q)exec $(B)/kvmlens run $(ARGS)

demo: ## Three small guests that fight for one CPU, and the live view of them
	$(Q)scripts/setup.sh build run demo
	+$(Q)$(MAKE_ALL_CPUS) all
	$(Q)exec scripts/demo.sh

# --- Tests ------------------------------------------------------------------------------------------
check: ## Set up, build, and run every test: sudo make check
	$(Q)scripts/setup.sh
	+$(Q)$(MAKE_ALL_CPUS) check-built

check-built: all tests
	$(Q)$(MAKE) B=$(B)/asan BPF_B=$(B) $(ASAN_FLAGS) unit-programs
	$(Q)$(MAKE) tsan-programs
	$(Q)tests/run lint unit asan tsan bpf vm e2e

check-quick: all tests ## What an edit needs, in three minutes: lint, unit tests, BPF programs, command line
	$(Q)tests/run lint unit bpf e2e/cli

check-unit: unit-programs ## Unit tests
	$(Q)tests/run unit
check-bpf: all tests ## BPF programs on the running kernel (root)
	$(Q)tests/run bpf
check-vm: all tests ## Kernels with real KVM, booted in QEMU (root)
	$(Q)tests/run vm
check-e2e: all tests ## libvirtd, guests, Prometheus and other peers (root)
	$(Q)tests/run e2e
lint: ## Format, layers, licences, static analysis
	$(Q)tests/run lint

ASAN_FLAGS := CFLAGS="-O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all" \
              LDFLAGS="-fsanitize=address,undefined"
asan: $(SKEL) ## Unit tests with AddressSanitizer and UBSan
	$(Q)$(MAKE) B=$(B)/asan BPF_B=$(B) $(ASAN_FLAGS) unit-programs
	$(Q)tests/run asan

# GLib's locks are its own futexes, which the sanitizer does not see: tests/tsan reports them to it.
TSAN_FLAGS := CFLAGS="-O1 -g -fno-omit-frame-pointer -fsanitize=thread -Wno-tsan" LDFLAGS="-fsanitize=thread" \
              TSAN_OBJ=$(B)/tsan/tests/tsan/glib_sync.o
TSAN_UNIT  := child control discover levels offload threads web worker
tsan: $(SKEL) ## Unit tests of what is concurrent, with ThreadSanitizer
	$(Q)$(MAKE) tsan-programs
	$(Q)tests/run tsan

tsan-programs: $(SKEL)
	$(Q)$(MAKE) B=$(B)/tsan BPF_B=$(B) $(TSAN_FLAGS) $(B)/tsan/kvmlens $(TSAN_UNIT:%=$(B)/tsan/tests/unit/test_%)

FUZZ_FLAGS := CC=clang CFLAGS="-O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all" \
              LDFLAGS="-fsanitize=fuzzer,address,undefined" WERROR=
fuzz: $(SKEL) ## Fuzz each parser of foreign bytes for FUZZ_SECONDS
	$(Q)$(MAKE) B=$(B)/fuzz BPF_B=$(B) $(FUZZ_FLAGS) fuzz-programs
	$(Q)FUZZ_SECONDS=$(FUZZ_SECONDS) tests/run fuzz

bench: all tests ## Measure the overhead and print ratios (root)
	$(Q)tests/run bench

format: ## Format the C sources in place
	$(Q)scripts/format.sh -i

oracles: ## Print which metric is compared with what, and by which test
	$(Q)scripts/oracles.py

docs: all ## Bring the generated parts of README up to date
	$(Q)scripts/readme.sh -i

tests: $(TEST_PROG) $(B)/tests/vm/mini
unit-programs: $(UNIT)
fuzz-programs: $(FUZZ)

# Say what to do, rather than let the first compiler call fail.
tools:
	@pkg-config --exists $(PKGS) 2>/dev/null && command -v $(CC) $(CLANG) $(BPFTOOL) >/dev/null || \
		{ echo "Packages to build with are missing: run 'sudo make setup' first." >&2; exit 1; }

# --- Compiling --------------------------------------------------------------------------------------
# A file that changes when its content would: objects depend on it, so that new flags rebuild them.
define stamp
$(1): FORCE | tools
	@mkdir -p $$(@D)
	@printf '%s\n' '$$(strip $(2))' | cmp -s - $$@ || printf '%s\n' '$$(strip $(2))' >$$@
endef
$(eval $(call stamp,$(B)/.cflags,$$(CC) $$(CFLAGS) $$(K_CFLAGS)))
$(eval $(call stamp,$(B)/.ldflags,$$(CC) $$(CFLAGS) $$(LDFLAGS) $$(LIBS)))
$(eval $(call stamp,$(BPF_B)/.bpf-cflags,$$(CLANG) $$(BPF_CFLAGS)))
$(eval $(call stamp,$(B)/.lib-objects,$$(LIB_OBJ)))
$(eval $(call stamp,$(B)/.app-objects,$$(APP_OBJ)))
$(eval $(call stamp,$(B)/.test-objects,$$(TEST_PART)))

$(BPF_B)/%.bpf.o: %.bpf.c $(BPF_B)/.bpf-cflags
	@mkdir -p $(@D)
	$(say) BPF $@
	$(Q)$(CLANG) $(BPF_CFLAGS) -c $< -o $@

$(BPF_B)/skel/%.skel.h: $(BPF_B)/bpf/%.bpf.o
	@mkdir -p $(@D)
	$(say) SKEL $@
	$(Q)$(BPFTOOL) gen skeleton $< name $*_bpf >$@

$(BPF_B)/tests/%.skel.h: $(BPF_B)/tests/%.bpf.o
	$(say) SKEL $@
	$(Q)$(BPFTOOL) gen skeleton $< name $(*F)_bpf >$@

$(B)/user/%.o: user/%.c $(B)/.cflags | $(SKEL)
	@mkdir -p $(@D)
	$(say) CC $@
	$(Q)$(CC) $(CFLAGS) $(K_CFLAGS) -c $< -o $@

# The default rules are part of the binary.
$(B)/user/config/rule_set.o: scripts/default-rules.yaml

$(TEST_SRC:%.c=$(B)/%.o) $(FUZZ:%=%.o) $(TSAN_OBJ): $(B)/%.o: %.c $(B)/.cflags | $(SKEL) $(TEST_SKEL)
	@mkdir -p $(@D)
	$(say) CC $@
	$(Q)$(CC) $(CFLAGS) $(K_CFLAGS) -Itests -I$(BPF_B)/tests -c $< -o $@

# --- Linking ----------------------------------------------------------------------------------------
$(B)/libkvmlens.a: $(LIB_OBJ) $(B)/.lib-objects
	$(say) AR $@
	$(Q)rm -f $@; ar rcs $@ $(LIB_OBJ)

$(B)/agent.a: $(APP_OBJ) $(B)/.app-objects
	$(say) AR $@
	$(Q)rm -f $@; ar rcs $@ $(APP_OBJ)

$(B)/$(SONAME): $(LIB_OBJ) $(B)/.lib-objects $(B)/.ldflags scripts/libkvmlens.map
	$(say) LINK $@
	$(Q)$(CC) $(CFLAGS) $(HARDEN_LDFLAGS) $(LDFLAGS) -shared -Wl,-soname,$(SONAME) -Wl,--version-script=scripts/libkvmlens.map \
		-Wl,--as-needed -Wl,-z,defs -o $@ $(LIB_OBJ) $(LIB_LIBS)

$(B)/kvmlens: $(B)/user/main.o $(TSAN_OBJ) $(B)/agent.a $(B)/libkvmlens.a $(B)/.ldflags
	$(say) LINK $@
	$(Q)$(CC) $(CFLAGS) -pie $(HARDEN_LDFLAGS) $(LDFLAGS) -o $@ $(filter %.o %.a,$^) $(LIBS)

$(B)/tests/parts.a: $(TEST_PART) $(B)/.test-objects
	$(say) AR $@
	$(Q)rm -f $@; ar rcs $@ $(TEST_PART)

$(TEST_PROG): $(B)/%: $(B)/%.o $(TSAN_OBJ) $(B)/tests/parts.a $(B)/agent.a $(B)/libkvmlens.a $(B)/.ldflags
	$(say) LINK $@
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o %.a,$^) -lcunit $(LIBS)

$(FUZZ): $(B)/%: $(B)/%.o $(B)/agent.a $(B)/libkvmlens.a $(B)/.ldflags
	$(say) LINK $@
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o %.a,$^) $(LIBS)

# The mini VM of the vm tier: static, for it runs in hosts that have nothing but busybox.
$(B)/tests/vm/mini: $(wildcard tests/vm/mini/*.c tests/vm/mini/*.h)
	@mkdir -p $(@D)
	$(say) LINK $@
	$(Q)$(CC) $(CFLAGS) -std=gnu11 -Wall -Wextra -Werror -D_GNU_SOURCE -static -pthread -o $@ $(filter %.c,$^)

# --- Installing -------------------------------------------------------------------------------------
subst_paths = sed -e 's:@PREFIX@:$(PREFIX):g' -e 's:@SBINDIR@:$(SBINDIR):g' -e 's:@LIBDIR@:$(LIBDIR):g' \
                  -e 's:@INCDIR@:$(INCDIR):g' -e 's:@VERSION@:$(VERSION):g' -e 's:@LIBS_PRIVATE@:$(LIB_LIBS):g'

install: all ## Install to DESTDIR under PREFIX (/usr/local)
	install -d $(DESTDIR)$(SBINDIR) $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(INCDIR) \
		$(DESTDIR)$(MANDIR)/man5 $(DESTDIR)$(MANDIR)/man7 $(DESTDIR)$(MANDIR)/man8 $(DESTDIR)$(UNITDIR) $(DESTDIR)$(DOCDIR)
	install -m 755 $(B)/kvmlens $(DESTDIR)$(SBINDIR)/kvmlens
	install -m 644 $(B)/libkvmlens.a $(DESTDIR)$(LIBDIR)/libkvmlens.a
	install -m 644 $(B)/$(SONAME) $(DESTDIR)$(LIBDIR)/libkvmlens.so.$(VERSION)
	ln -sf libkvmlens.so.$(VERSION) $(DESTDIR)$(LIBDIR)/$(SONAME)
	ln -sf $(SONAME) $(DESTDIR)$(LIBDIR)/libkvmlens.so
	install -m 644 include/kvmlens.h $(DESTDIR)$(INCDIR)/kvmlens.h
	$(subst_paths) scripts/libkvmlens.pc.in >$(DESTDIR)$(LIBDIR)/pkgconfig/libkvmlens.pc
	$(subst_paths) scripts/kvmlens.service.in >$(DESTDIR)$(UNITDIR)/kvmlens.service
	$(B)/kvmlens help man | gzip -9n >$(DESTDIR)$(MANDIR)/man8/kvmlens.8.gz
	$(B)/kvmlens help man-config | gzip -9n >$(DESTDIR)$(MANDIR)/man5/kvmlens.yaml.5.gz
	$(B)/kvmlens help man-metrics | gzip -9n >$(DESTDIR)$(MANDIR)/man7/kvmlens-metrics.7.gz
	$(B)/kvmlens help config >$(DESTDIR)$(DOCDIR)/kvmlens.yaml
	install -m 644 scripts/default-rules.yaml $(DESTDIR)$(DOCDIR)/default-rules.yaml

uninstall: ## Remove what install put there
	rm -f $(DESTDIR)$(SBINDIR)/kvmlens $(DESTDIR)$(LIBDIR)/libkvmlens.a $(DESTDIR)$(LIBDIR)/libkvmlens.so* \
		$(DESTDIR)$(INCDIR)/kvmlens.h $(DESTDIR)$(LIBDIR)/pkgconfig/libkvmlens.pc \
		$(DESTDIR)$(UNITDIR)/kvmlens.service $(DESTDIR)$(MANDIR)/man8/kvmlens.8.gz \
		$(DESTDIR)$(MANDIR)/man5/kvmlens.yaml.5.gz $(DESTDIR)$(MANDIR)/man7/kvmlens-metrics.7.gz \
		$(DESTDIR)$(DOCDIR)/kvmlens.yaml $(DESTDIR)$(DOCDIR)/default-rules.yaml

clean: ## Remove build/
	rm -rf $(B)

help: ## This text
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@echo "  Variables: V=1 B=$(B) PREFIX=$(PREFIX) DESTDIR= CFLAGS='$(CFLAGS)' FUZZ_SECONDS=$(FUZZ_SECONDS) ARGS='flags of run'"

-include $(patsubst %.o,%.d,$(LIB_OBJ) $(APP_OBJ) $(B)/user/main.o $(TEST_SRC:%.c=$(B)/%.o) $(FUZZ:%=%.o) \
          $(BPF_SRC:%.c=$(BPF_B)/%.o) $(TEST_BPF:%.c=$(BPF_B)/%.o))
