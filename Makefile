# SPDX-License-Identifier: Apache-2.0
# kvmlens. `make help` lists the targets; V=1 shows the commands.
MAKEFLAGS += --no-builtin-rules
.DELETE_ON_ERROR:
.SUFFIXES:
.DEFAULT_GOAL := all

B       := build
VERSION := 0.1.0
PREFIX  ?= /usr/local
CC      ?= gcc
CLANG   ?= clang
BPFTOOL ?= $(shell command -v bpftool || echo /usr/sbin/bpftool)
PKGS    := libbpf libvirt glib-2.0 libmicrohttpd jansson libcyaml libcap-ng libseccomp libmnl ncursesw \
           sqlite3 libcurl
ifeq ($(V),1)
Q :=
say = @:
else
Q := @
say = @printf '  %-8s %s\n'
endif

ARCH := $(shell uname -m | sed 's/x86_64/x86/;s/aarch64/arm64/')
BPF_CFLAGS := -g -O2 -mcpu=v3 -target bpf -D__TARGET_ARCH_$(ARCH) -D__bpf__ -Iinclude -Ivmlinux -Ibpf \
              -Wall -Wextra -Werror -Wno-unused-parameter -MMD -MP
CFLAGS  ?= -O2 -g
K_CFLAGS := -std=gnu11 -Wall -Wextra -Werror -Wno-unused-parameter -fPIC -fvisibility=default -pthread \
            -D_GNU_SOURCE -DKVMLENS_VERSION=\"$(VERSION)\" -Iinclude -Iuser -I$(B)/skel \
            $(shell pkg-config --cflags $(PKGS)) -MMD -MP
LIBS := $(shell pkg-config --libs $(PKGS)) -lelf -lz -lm -pthread

BPF_SRC  := $(wildcard bpf/*.bpf.c)
SKEL     := $(BPF_SRC:bpf/%.bpf.c=$(B)/skel/%.skel.h)
LIB_SRC  := $(filter-out user/cli/% user/tui/%,$(wildcard user/*/*.c)) $(filter-out user/main.c,$(wildcard user/*.c))
CLI_SRC  := $(wildcard user/cli/*.c user/tui/*.c)
LIB_OBJ  := $(LIB_SRC:%.c=$(B)/%.o)
CLI_OBJ  := $(CLI_SRC:%.c=$(B)/%.o)
UNIT     := $(patsubst tests/unit/%.c,$(B)/tests/unit/%,$(wildcard tests/unit/test_*.c))

.PHONY: all check-unit clean
all: $(B)/kvmlens

$(B)/bpf/%.bpf.o: bpf/%.bpf.c
	@mkdir -p $(@D)
	$(say) BPF $@
	$(Q)$(CLANG) $(BPF_CFLAGS) -c $< -o $@

$(B)/skel/%.skel.h: $(B)/bpf/%.bpf.o
	@mkdir -p $(@D)
	$(say) SKEL $@
	$(Q)$(BPFTOOL) gen skeleton $< name $*_bpf > $@

$(B)/user/%.o: user/%.c | $(SKEL)
	@mkdir -p $(@D)
	$(say) CC $@
	$(Q)$(CC) $(CFLAGS) $(K_CFLAGS) -c $< -o $@

$(B)/libkvmlens.a: $(LIB_OBJ)
	$(say) AR $@
	$(Q)rm -f $@; ar rcs $@ $^

$(B)/kvmlens: $(B)/user/main.o $(CLI_OBJ) $(B)/libkvmlens.a
	$(say) LINK $@
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(B)/user/main.o $(CLI_OBJ) $(B)/libkvmlens.a $(LIBS)

$(B)/tests/unit/%: tests/unit/%.c $(B)/libkvmlens.a $(CLI_OBJ)
	@mkdir -p $(@D)
	$(say) TEST $@
	$(Q)$(CC) $(CFLAGS) $(K_CFLAGS) -Itests -o $@ $< $(CLI_OBJ) $(B)/libkvmlens.a -lcunit $(LIBS)

check-unit: $(UNIT)
	$(Q)fail=0; for t in $(UNIT); do $$t || { echo "FAILED $$t"; fail=1; }; done; exit $$fail

clean:
	rm -rf $(B)

-include $(shell find $(B) -name '*.d' 2>/dev/null)
