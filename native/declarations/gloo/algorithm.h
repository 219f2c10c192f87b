// Included by c10d's header, which uses nothing of it; see context.h.
#pragma once
